//! What is in the embedded repository: a small stock-keeping service that keeps its security policy, and its faults.

use std::collections::BTreeMap;

use super::fault::{Fault, Faults};

/// Contents by path.
pub(super) type Files = BTreeMap<String, String>;

/// The values of one run; made up at run time, so that the source holds none.
pub(super) struct Values {
    /// The live token.
    pub(super) token: String,
    pub(super) staging_token: String,
    pub(super) development_token: String,
    pub(super) database_passwords: [String; 3],
    /// What the faults leak.
    pub(super) leaked: String,
    pub(super) private_key: String,
}

/// The rules that cover env files.
pub(super) const IGNORED_ENV: &str = ".env\n.env.*\n*.env\n*.env.*\n!.env.example\n";

/// What was there before the service had any secret.
pub(super) fn first() -> Files {
    let mut files = Files::new();
    files.insert(".gitignore".into(), gitignore(&Faults::default()));
    files.insert("package.json".into(), PACKAGE.into());
    files.insert("src/server.ts".into(), include_str!("assets/server.ts").into());
    files
}

/// With a connection string that holds a password.
pub(super) fn with_leak(mut files: Files, values: &Values) -> Files {
    let url = format!("postgres://stock:{}@db.example.test:5432/stock", values.leaked);
    files.insert("config/production.yaml".into(), format!("log: info\nDATABASE_URL: {url}\n"));
    files
}

/// The tree of `HEAD`.
pub(super) fn head(values: &Values, faults: &Faults) -> Files {
    let mut files = first();
    let mut put = |name: &str, content: &str| files.insert(name.to_owned(), content.to_owned());
    put(".gitignore", &gitignore(faults));
    put("README.md", "# Stock keeping\n\nAn HTTP API and an MCP server for a stock list. See `SECURITY.md`.\n");
    put(".env.example", &env_example(values, faults));
    put(".dockerignore", ".env\n.env.*\n*.env.*\n.git\n*.pem\n*.key\n");
    put("Dockerfile", include_str!("assets/Dockerfile"));
    let compose = include_str!("assets/compose.yaml");
    if faults.has(Fault::ModelPublished) {
        put("compose.yaml", &compose.replace("127.0.0.1:11434:11434", "11434:11434"));
    } else {
        put("compose.yaml", compose);
    }
    if faults.has(Fault::RouteForgotten) {
        let forgotten = "app.get(\"/debug/state\", (_request, response) => response.json(state()));\n";
        put("src/server.ts", &format!("{}{forgotten}", include_str!("assets/server.ts")));
    }
    put("deploy/nginx/mcp.conf", include_str!("assets/mcp.conf"));
    if !faults.has(Fault::RenewalUnseen) {
        put("deploy/systemd/certbot-renew.timer", include_str!("assets/certbot-renew.timer"));
        put("deploy/systemd/certbot-renew.service", include_str!("assets/certbot-renew.service"));
    }
    put("deploy/prometheus/rules.yml", include_str!("assets/rules.yml"));
    if !faults.has(Fault::ScheduleMissing) {
        put(".github/workflows/audit.yml", include_str!("assets/audit.yml"));
    }
    put(".mcp.json", include_str!("assets/mcp.json"));
    if faults.has(Fault::AgentBypass) {
        put(".claude/settings.json", include_str!("assets/agent-bypass.json"));
    } else {
        put(".claude/settings.json", include_str!("assets/agent.json"));
    }
    put("SECURITY-INCIDENTS.md", include_str!("assets/SECURITY-INCIDENTS.md"));
    let security = include_str!("assets/SECURITY.md");
    if faults.has(Fault::SecurityPolicyPublicIssue) {
        put("SECURITY.md", "# Security\n\nFound a vulnerability? Please open an issue in this repository.\n");
    } else {
        put("SECURITY.md", security);
    }
    if faults.has(Fault::SecretInTree) {
        return with_leak(files, values);
    }
    if faults.has(Fault::KeyInTree) {
        files.insert("deploy/deploy-key".into(), values.private_key.clone());
    }
    if faults.has(Fault::EnvTracked) {
        files.insert(".env".into(), "PORT=3000\nLOG_LEVEL=info\n".into());
    }
    files
}

/// What the index holds.
pub(super) fn tracked(values: &Values, faults: &Faults) -> Files {
    head(values, faults)
}

/// The env files of the work tree, which git ignores.
pub(super) fn ignored(values: &Values, faults: &Faults) -> Files {
    let [development, staging, production] = &values.database_passwords;
    let env = |token: &str, password: &str, name: &str| {
        format!("NODE_ENV={name}\nPORT=3000\nMCP_TOKEN={token}\nDATABASE_PASSWORD={password}\n")
    };
    let mut files = Files::from([
        (".env.staging".to_owned(), env(&values.staging_token, staging, "staging")),
        (".env.production".to_owned(), env(&values.token, production, "production")),
    ]);
    // Where `.env` is tracked, it holds no secret; those of development have a file of their own then.
    let name = if faults.has(Fault::EnvTracked) { ".env.development" } else { ".env" };
    files.insert(name.into(), env(&values.development_token, development, "development"));
    files
}

fn gitignore(faults: &Faults) -> String {
    let mut rules = String::from("node_modules/\ndist/\n");
    if !faults.has(Fault::EnvIgnoredHereOnly) {
        rules.push_str(IGNORED_ENV);
    }
    if faults.has(Fault::IgnoreNegated) {
        rules.push_str("!.env.production\n");
    }
    if !faults.has(Fault::IgnoreWithoutKeys) {
        rules
            .push_str("*.pem\n*.key\n*.p8\n*.p12\n*.pfx\n*.jks\n*.keystore\n*.kdbx\nid_rsa*\nid_ed25519*\nid_ecdsa*\n");
    }
    rules.push_str("*.sql\n*.sql.gz\n*.dump\n*.bak\n*.sqlite\n*.sqlite3\n*.db\n*.log\ncredentials.json\nsecrets/\n");
    rules
}

fn env_example(values: &Values, faults: &Faults) -> String {
    let token = if faults.has(Fault::EnvExampleReal) { values.token.as_str() } else { "<your token>" };
    format!("NODE_ENV=development\nPORT=3000\nMCP_TOKEN={token}\nDATABASE_PASSWORD=<your password>\n")
}

const PACKAGE: &str = r#"{
  "name": "stock-keeping",
  "version": "1.0.0",
  "private": true,
  "type": "module",
  "scripts": { "build": "tsc", "start": "node dist/server.js" },
  "dependencies": {
    "cors": "2.8.5",
    "express": "5.1.0",
    "express-rate-limit": "8.1.0",
    "zod": "4.1.12"
  }
}
"#;
