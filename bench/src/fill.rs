//! Bulk insertion of members into the tables of the server and of the baseline.

use anyhow::Result;

use crate::baseline::statement;
use crate::database::Database;
use crate::user::{MULTIPLIER, RANGE};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// URL of the server's migrated database.
    #[arg(long)]
    database: String,
    /// URL of the baseline's database.
    #[arg(long)]
    baseline: String,
    /// App id of the members' identities.
    #[arg(long)]
    app_id: String,
    /// Number of the first member to insert.
    #[arg(long)]
    first: u64,
    /// Number of the last member to insert.
    #[arg(long)]
    last: u64,
}

/// SQL expressions that differ between the databases.
struct Dialect {
    /// Table expression with a column `n`: the numbers from the first to the last.
    numbers: String,
    /// Member id of `n`. Ids are ascending, like UUIDs of version 7.
    id: &'static str,
    /// Openid of `n`: the same as `user::openid`.
    openid: String,
    /// Conversion of a text to bytes.
    bytes: fn(&str) -> String,
    /// Statements that update the planner's statistics.
    analyse: &'static [&'static str],
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Database::open(&options.database).await?;
    let baseline = Database::open(&options.baseline).await?;
    statement::prepare(&baseline).await?;
    let dialect = Dialect::of(&server, options.first, options.last);
    let Dialect { numbers, id, openid, bytes, analyse } = &dialect;
    let namespace = bytes(&format!("wechat:app:{}", options.app_id));
    server
        .execute(&format!(
            "INSERT INTO member (id, nickname, gender, status, created_at, created_by, updated_at, \
             updated_by, version) SELECT {id}, 'bench', 0, 'active', 1750000000000 + n, 'member', \
             1750000000000 + n, 'member', 0 FROM {numbers}"
        ))
        .await?;
    server
        .execute(&format!(
            "INSERT INTO identity (namespace, kind, value, member_id, created_at) \
             SELECT {namespace}, 'openid', {openid}, {id}, 1750000000000 + n FROM {numbers}"
        ))
        .await?;
    baseline
        .execute(&format!(
            "INSERT INTO baseline_member (openid, id, generation) \
             SELECT {openid}, {id}, 0 FROM {numbers}"
        ))
        .await?;
    for statement in *analyse {
        server.execute(statement).await?;
    }
    Ok(())
}

impl Dialect {
    fn of(database: &Database, first: u64, last: u64) -> Self {
        let scrambled = format!("((n * {MULTIPLIER}) % {RANGE})");
        match database {
            Database::Sqlite(_) => Self {
                numbers: format!(
                    "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s \
                     WHERE n < {last}) SELECT n FROM s)"
                ),
                id: "unhex('01900000000070008000' || printf('%012x', n))",
                openid: format!("CAST('o' || printf('%027x', {scrambled}) AS BLOB)"),
                bytes: |text| format!("CAST('{text}' AS BLOB)"),
                analyse: &[],
            },
            Database::Postgres(_) => Self {
                numbers: format!("generate_series({first}::bigint, {last}::bigint) n"),
                id: "('01900000000070008000' || lpad(to_hex(n), 12, '0'))::uuid",
                openid: format!("convert_to('o' || lpad(to_hex({scrambled}), 27, '0'), 'UTF8')"),
                bytes: |text| format!("convert_to('{text}', 'UTF8')"),
                analyse: &["ANALYZE"],
            },
            Database::MySql(_) => Self {
                numbers: format!("(SELECT seq AS n FROM seq_{first}_to_{last}) s"),
                id: "UNHEX(CONCAT('01900000000070008000', LPAD(HEX(n), 12, '0')))",
                openid: format!("CONCAT('o', LPAD(LOWER(HEX({scrambled})), 27, '0'))"),
                bytes: |text| format!("'{text}'"),
                analyse: &["ANALYZE TABLE member, identity"],
            },
        }
    }
}
