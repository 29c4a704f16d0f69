//! Use cases over an SQLite database on a disk in which the n-th operation fails, for every n.

use std::env;
use std::future::pending;
use std::process::Command;
use std::time::Instant;

use testkit::contract::store_faults::{FaultFixture, FaultInjector, UseCase};
use testkit::databases::{FreshDatabase, Kind};
use testkit::disk_faults::{DiskError, DiskOperations, FaultyDisk};

use super::open;

/// Injector of disk faults.
struct DiskFaults {
    disk: FaultyDisk,
    operations: DiskOperations,
    error: DiskError,
    /// Number of consecutive faults.
    faults: u64,
}

impl FaultInjector for DiskFaults {
    fn inject(&self, passing: usize) {
        self.disk.inject(self.operations, self.error, passing as u64, self.faults);
    }

    fn repair(&self) -> bool {
        self.disk.repair();
        self.disk.injected() > 0
    }

    async fn hanging(&self) {
        pending::<()>().await;
    }

    fn is_retried(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_cases_survive_failed_disk_operations() {
    survive("failed_disk_operations", DiskOperations::ALL, DiskError::InputOutput, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_cases_survive_failed_syncs() {
    survive("failed_syncs", DiskOperations::SYNC, DiskError::InputOutput, u64::MAX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn use_cases_survive_a_full_disk() {
    survive("a_full_disk", DiskOperations::EXTEND, DiskError::NoSpace, u64::MAX).await;
}

/// Runs every use case with faults. The test runs in a process of its own that uses the disk.
async fn survive(test: &str, operations: DiskOperations, error: DiskError, faults: u64) {
    let Some(disk) = FaultyDisk::of_this_process() else {
        run_on_a_faulty_disk(&format!("store::disk_faults::use_cases_survive_{test}"));
        return;
    };
    let injector = DiskFaults { disk, operations, error, faults };
    let begun = Instant::now();
    let mut injected = 0;
    for use_case in UseCase::ALL {
        let database = FreshDatabase::new(Kind::Sqlite).await;
        let store = open(&database, 2).await;
        let observer = open(&database, 2).await;
        let faults = FaultFixture::new(store, observer).run(use_case, &injector).await;
        println!("{use_case:?}: {faults} faults, {:.1?} so far", begun.elapsed());
        injected += faults;
    }
    println!("{injected} faults: {operations:?}, {error:?}, {:.1?}", begun.elapsed());
}

/// Runs a test of this binary in a process whose temporary files are on a disk with faults.
fn run_on_a_faulty_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::under(folder.path(), 0);
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("TMPDIR", folder.path())
        .envs(disk.environment())
        .env_remove("DISK_FAULTS_UNDO")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed on a disk with faults");
}
