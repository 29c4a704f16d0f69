//! Transactions and connections: run to completion, committed in groups, and private to this module.
//!
//! The rest of the store never holds a connection. [`SeaUnitOfWork::run`], [`Reader::run`] and
//! [`WriteScheduler::run_exclusive`] lend one to an async closure and run that to completion, whether or
//! not the caller is cancelled. A plain `.await` on a connection, which a cancelled caller could cut
//! short, does not compile elsewhere.

mod change_notifications;
mod generation;
mod group_commit;
mod reader;
mod scheduler;
mod uncancellable;
mod unit_of_work;
mod wait_queue;

pub(super) use change_notifications::PendingNotifications;
pub(super) use generation::ConnectionGeneration;
pub(super) use reader::Reader;
pub(super) use scheduler::WriteScheduler;
pub(super) use unit_of_work::SeaUnitOfWork;
pub(super) use wait_queue::QueueLimits;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    const CONNECTION_TYPES: [&str; 3] =
        ["DatabaseTransaction", "DatabaseConnection", "TransactionTrait"];

    /// Source files under a folder.
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// The connection types that a source names.
    fn named(source: &str) -> Vec<&'static str> {
        CONNECTION_TYPES.into_iter().filter(|name| source.contains(name)).collect()
    }

    /// `backend` opens the connections and hands them to this module.
    #[test]
    fn connections_are_private_to_the_transaction_module() {
        let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let mut files = vec![store.with_extension("rs")];
        sources(&store, &mut files);
        let outside = |file: &&PathBuf| {
            let exempt = ["transaction", "transaction.rs", "backend", "backend.rs"];
            let exempt = exempt.map(|name| store.join(name));
            !exempt.iter().any(|path| file.starts_with(path))
        };
        let offenders: Vec<_> = files
            .iter()
            .filter(outside)
            .map(|file| (file, named(&fs::read_to_string(file).unwrap())))
            .filter(|(_, names)| !names.is_empty())
            .collect();
        assert!(files.len() > 40, "{files:?}");
        assert_eq!(offenders, [], "use `run` on the unit of work or on the reader");
    }

    #[test]
    fn a_connection_type_outside_the_transaction_module_is_found() {
        let planted = "async fn find(txn: &DatabaseTransaction) -> Result<(), DbErr> {";
        assert_eq!(named(planted), ["DatabaseTransaction"]);
    }
}
