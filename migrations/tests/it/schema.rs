//! Schema of a database: its tables, columns, indexes and keys.

use testkit::databases::{FreshDatabase, Kind};

const SQLITE: &str = "
    SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
    WHERE tbl_name <> 'seaql_migrations' ORDER BY 1";

const POSTGRESQL: &str = "
    SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable,
        column_default)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'
    UNION ALL
    SELECT indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'
    UNION ALL
    SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'seaql_migrations'
    ORDER BY 1";

const MARIADB: &str = "
    SELECT concat_ws(' ', table_name, column_name, column_type, is_nullable, column_default,
        collation_name)
    FROM information_schema.columns
    WHERE table_schema = database() AND table_name <> 'seaql_migrations'
    UNION ALL
    SELECT concat_ws(' ', table_name, index_name, seq_in_index, column_name, non_unique)
    FROM information_schema.statistics
    WHERE table_schema = database() AND table_name <> 'seaql_migrations'
    UNION ALL
    SELECT concat_ws(' ', table_name, constraint_name, referenced_table_name, delete_rule)
    FROM information_schema.referential_constraints WHERE constraint_schema = database()
    ORDER BY 1";

/// Reads the schema, one line per item, without the migrator's table.
pub(crate) async fn schema(database: &FreshDatabase) -> Vec<String> {
    let query = match database.kind() {
        Kind::Sqlite => SQLITE,
        Kind::Postgresql => POSTGRESQL,
        Kind::Mariadb => MARIADB,
    };
    database.query_all(query).await
}
