//! The file of this machine's own key.

use super::key::{PublicKey, SecretKey};
use super::lines::{ParseError, Problem, lines};

/// What each file begins with.
const HEAD: &str = "# The identity of this machine for towline: whoever has this file is this machine. Keep it here, and\n\
                    # make another one for each other machine (`towline key`).\n";

/// The file of a key.
pub fn write_key_file(secret: &SecretKey, public: &PublicKey) -> String {
    format!("{HEAD}secret {}\npublic {public}\n", secret.written())
}

/// Both keys of a file. That they belong together is for whoever can compute one from the other to see
/// ([`Problem::NotAPair`]).
///
/// # Errors
/// See [`Problem`].
pub fn parse_key_file(bytes: &[u8]) -> Result<(SecretKey, PublicKey), ParseError> {
    let (mut secret, mut public) = (None, None);
    for mut line in lines(bytes)? {
        let Some(kind) = line.word() else { continue };
        let key = line.rest().ok_or(()).map_err(|()| {
            line.error_here(Problem::NoKey(if kind.text == "secret" {
                super::key::SECRET
            } else {
                super::key::PUBLIC
            }))
        });
        match kind.text {
            "secret" if secret.is_some() => return Err(line.error(kind.at, Problem::Twice("secret"))),
            "public" if public.is_some() => return Err(line.error(kind.at, Problem::Twice("public"))),
            "secret" => {
                let key = key?;
                let parsed = SecretKey::parse(key.text.as_bytes());
                secret = Some(parsed.map_err(|(at, problem)| line.error(key.at + at, problem))?);
            }
            "public" => {
                let key = key?;
                let parsed = PublicKey::parse(key.text.as_bytes());
                public = Some(parsed.map_err(|(at, problem)| line.error(key.at + at, problem))?);
            }
            _ => return Err(line.error(kind.at, Problem::Unknown)),
        }
    }
    let missing = |what| ParseError { line: 0, column: 0, problem: Problem::Missing(what) };
    Ok((secret.ok_or(missing("secret"))?, public.ok_or(missing("public"))?))
}
