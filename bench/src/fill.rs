//! Members in bulk, in the server's tables and in the floor's.

use anyhow::Result;

use crate::database::Database;
use crate::baseline::statement;
use crate::user::{RANGE, SPREAD};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's database, migrated.
    #[arg(long)]
    database: String,
    /// The floor's.
    #[arg(long)]
    floor: String,
    #[arg(long)]
    app_id: String,
    /// The number of the first member to add.
    #[arg(long)]
    first: u64,
    /// The number of the last.
    #[arg(long)]
    last: u64,
}

/// How one database writes what the statements below need.
struct Dialect {
    /// Where `n` comes from: the numbers from the first to the last.
    numbers: String,
    /// `n` as an id, in order as those of members are.
    id: &'static str,
    /// `n` as an openid; the same as `user::openid`.
    openid: String,
    /// A text as bytes.
    bytes: fn(&str) -> String,
    /// Has the planner look at what there is.
    analyse: &'static [&'static str],
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let (server, floor) = (Database::open(&options.database), Database::open(&options.floor));
    let (server, floor) = (server.await?, floor.await?);
    statement::prepare(&floor).await?;
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
    floor
        .execute(&format!(
            "INSERT INTO floor_member (openid, id, generation) \
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
        let spread = format!("((n * {SPREAD}) % {RANGE})");
        match database {
            Database::Sqlite(_) => Self {
                numbers: format!(
                    "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s \
                     WHERE n < {last}) SELECT n FROM s)"
                ),
                id: "unhex('01900000000070008000' || printf('%012x', n))",
                openid: format!("CAST('o' || printf('%027x', {spread}) AS BLOB)"),
                bytes: |text| format!("CAST('{text}' AS BLOB)"),
                analyse: &[],
            },
            Database::Postgres(_) => Self {
                numbers: format!("generate_series({first}::bigint, {last}::bigint) n"),
                id: "('01900000000070008000' || lpad(to_hex(n), 12, '0'))::uuid",
                openid: format!("convert_to('o' || lpad(to_hex({spread}), 27, '0'), 'UTF8')"),
                bytes: |text| format!("convert_to('{text}', 'UTF8')"),
                analyse: &["ANALYZE"],
            },
            Database::MySql(_) => Self {
                numbers: format!("(SELECT seq AS n FROM seq_{first}_to_{last}) s"),
                id: "UNHEX(CONCAT('01900000000070008000', LPAD(HEX(n), 12, '0')))",
                openid: format!("CONCAT('o', LPAD(LOWER(HEX({spread})), 27, '0'))"),
                bytes: |text| format!("'{text}'"),
                analyse: &["ANALYZE TABLE member, identity"],
            },
        }
    }
}
