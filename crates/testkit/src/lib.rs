//! Fakes of every port, and the contract suites that fakes and adapters must both pass.
