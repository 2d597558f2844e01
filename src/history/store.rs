//! Runs in an embedded SQLite file.
