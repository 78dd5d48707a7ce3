//! The protocol with its limits: the user's, and what the worker can take.

use minions_protocol::{AnyProtocol, Auto, LocalOnly, Minion, Minions, RemoteOnly};

use super::arguments::{Arguments, ProtocolChoice};
use super::progress::Progress;
use crate::worker::Worker;

/// The protocol that the arguments ask for.
pub fn protocol(arguments: &Arguments, worker: &Worker, progress: &mut Progress) -> AnyProtocol {
    let asked = chosen(arguments);
    let Some(context_length) = worker.context_length else { return asked };
    let possible = asked.clone().within_context(context_length);
    if arguments.chunk_size.is_some() && possible != asked {
        progress.say("--chunk-size is more than the worker can take at once: what fits into its context is used");
    }
    possible
}

fn chosen(arguments: &Arguments) -> AnyProtocol {
    let default = Minion::default();
    let minion = Minion {
        max_rounds: arguments.max_rounds.unwrap_or(default.max_rounds),
        samples: arguments.samples.unwrap_or(default.samples),
        ..default
    };
    let default = Minions::default();
    let minions = Minions {
        max_rounds: arguments.max_rounds.unwrap_or(default.max_rounds),
        tasks_per_round: arguments.tasks_per_round.unwrap_or(default.tasks_per_round),
        samples_per_task: arguments.samples.unwrap_or(default.samples_per_task),
        max_chunk_size: arguments.chunk_size.unwrap_or(default.max_chunk_size),
        max_concurrency: arguments.concurrency.unwrap_or(default.max_concurrency),
        verbatim_citations: arguments.verbatim_citations,
        ..default
    };
    let default = LocalOnly::default();
    let local_only = LocalOnly {
        max_chunk_size: arguments.chunk_size.unwrap_or(default.max_chunk_size),
        max_concurrency: arguments.concurrency.unwrap_or(default.max_concurrency),
        verbatim_citations: arguments.verbatim_citations,
        ..default
    };
    match arguments.protocol {
        ProtocolChoice::Minion => AnyProtocol::Minion(minion),
        ProtocolChoice::Minions => AnyProtocol::Minions(minions),
        ProtocolChoice::LocalOnly => AnyProtocol::LocalOnly(local_only),
        ProtocolChoice::RemoteOnly => AnyProtocol::RemoteOnly(RemoteOnly {}),
        ProtocolChoice::Auto => AnyProtocol::Auto(Auto {
            cost_sensitivity: arguments.cost_sensitivity.map(Into::into).unwrap_or_default(),
            documents_may_leave: arguments.documents_may_leave,
            minion,
            minions,
            local_only,
        }),
    }
}
