//! `towline rm`: one file, or one empty folder.

use super::addresses;
use super::args::Common;
use super::explain::CliError;
use super::json::Object;
use super::visit;
use crate::net::Target;

/// Remove a file or an empty folder at a server
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::RM)]
pub(super) struct Args {
    /// What to remove; unix:SOCKET:/PATH goes over a Unix socket
    #[arg(value_name = "HOST[:PORT]/PATH", value_parser = addresses::target())]
    at: Target,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let tried = format!("cannot remove {}", args.at);
    if args.at.path.is_root() {
        let next = format!("name what to remove: {}", args.at.endpoint.with_path("PATH"));
        return Err(CliError::usage(tried, "no path is named", "the served folder itself stays", next));
    }
    visit::with(&args.common, &args.at.endpoint, async |visit| {
        visit.client.remove(args.at.path.clone()).await.map_err(visit.explain(tried))?;
        visit.screen.note(&format!("removed {}", args.at));
        if args.common.json {
            let object = Object::new("file").with_path("path", args.at.path.as_bytes());
            object.with("outcome", "removed").print()?;
        }
        Ok(())
    })
}
