//! The mathematics: SPAKE2 over edwards25519 (crate `spake2`), and what each side proves by the key that comes of it.

use core::fmt;

use blake3::{Hash, Hasher, OutputReader};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity;
use rand_core::{CryptoRng, RngCore};
use spake2::{Ed25519Group, Identity, Password, Spake2};

use super::{Introduction, PairCode};
use crate::wire::{Mac, PairName, PairWelcome, PairingElement, VersionRange};

/// Contexts of BLAKE3 in its mode for deriving keys.
const SCALAR: &str = "towline 2026-11 pairing: the secret scalar";
const CLIENT: &str = "towline 2026-11 pairing: the client confirms";
const SERVER: &str = "towline 2026-11 pairing: the server confirms";
/// What the message of each side begins with in SPAKE2's own form; ours have other kinds.
const OF_CLIENT: u8 = b'A';
const OF_SERVER: u8 = b'B';

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Client,
    Server,
}

/// All that both sides have seen alike, if nobody is between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transcript {
    /// What the client offered.
    pub(super) offered: VersionRange,
    pub(super) version: u16,
    pub(super) exporter: [u8; 32],
    pub(super) client: [u8; 32],
    pub(super) server: [u8; 32],
    pub(super) client_element: PairingElement,
    pub(super) server_element: PairingElement,
}

impl Transcript {
    /// Fields of fixed width, one behind the other.
    fn hash_into(&self, hasher: &mut Hasher) {
        for number in [self.offered.lowest, self.offered.highest, self.version] {
            hasher.update(&number.to_le_bytes());
        }
        let fields = [&self.exporter, &self.client, &self.server, &self.client_element, &self.server_element];
        for field in fields {
            hasher.update(field);
        }
    }
}

/// The keys by which each side proves that it has the code. Shown by nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Keys {
    client: [u8; 32],
    server: [u8; 32],
    transcript: Transcript,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// What the client sends. `Hash` compares in constant time.
    pub(super) fn client_proof(&self, name: &PairName) -> Hash {
        let mut hasher = Hasher::new_keyed(&self.client);
        self.transcript.hash_into(&mut hasher);
        hasher.update(name.as_str().as_bytes()).finalize()
    }

    /// What the server sends.
    pub(super) fn server_proof(&self, welcome: &PairWelcome) -> Hash {
        let mut hasher = Hasher::new_keyed(&self.server);
        self.transcript.hash_into(&mut hasher);
        hasher.update(&welcome.claims()).finalize()
    }
}

/// True if what came proves it.
pub(super) fn proves(came: Mac, expected: Hash) -> bool {
    Hash::from_bytes(came) == expected
}

/// This side's part, which follows from code and seed alone.
pub(super) struct Exchange {
    role: Role,
    secret: Spake2<Ed25519Group>,
    element: PairingElement,
}

impl Exchange {
    /// Each introduction's seed may be used for one exchange, and no other.
    pub(super) fn new(role: Role, code: &PairCode, met: &Introduction) -> Exchange {
        let (client, server) = met.keys(role);
        let (client, server) = (Identity::new(&client), Identity::new(&server));
        let (password, random) = (Password::new(code.password()), Given::new(&met.seed.0));
        let (secret, message) = match role {
            Role::Client => Spake2::start_a_with_rng(&password, &client, &server, random),
            Role::Server => Spake2::start_b_with_rng(&password, &client, &server, random),
        };
        let element = message[1..].try_into().expect("a side, and 32 bytes of a point");
        Exchange { role, secret, element }
    }

    /// What the other side is sent.
    pub(super) fn element(&self) -> PairingElement {
        self.element
    }

    /// Of what the other side has sent; `None` where that is no element of the group.
    pub(super) fn finish(
        self,
        theirs: PairingElement,
        met: &Introduction,
        (offered, version): (VersionRange, u16),
    ) -> Option<Keys> {
        if !is_of_group(theirs) {
            return None;
        }
        let (of_them, client_element, server_element) = match self.role {
            Role::Client => (OF_SERVER, self.element, theirs),
            Role::Server => (OF_CLIENT, theirs, self.element),
        };
        let (client, server) = met.keys(self.role);
        let key = self.secret.finish(&[&[of_them], &theirs[..]].concat()).ok()?;
        Some(Keys {
            client: blake3::derive_key(CLIENT, &key),
            server: blake3::derive_key(SERVER, &key),
            transcript: Transcript {
                offered,
                version,
                exporter: met.exporter,
                client,
                server,
                client_element,
                server_element,
            },
        })
    }
}

/// A point in its one encoding, of the subgroup of prime order, and not its identity.
fn is_of_group(element: PairingElement) -> bool {
    let compressed = CompressedEdwardsY(element);
    let Some(point) = compressed.decompress() else { return false };
    point.compress() == compressed && point.is_torsion_free() && !point.is_identity()
}

/// The random numbers of an exchange: those that were handed in, stretched.
struct Given(OutputReader);

impl Given {
    fn new(seed: &[u8; 32]) -> Given {
        let mut hasher = Hasher::new_derive_key(SCALAR);
        Given(hasher.update(seed).finalize_xof())
    }
}

impl RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        self.0.fill(into);
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(into);
        Ok(())
    }
}

impl CryptoRng for Given {}
