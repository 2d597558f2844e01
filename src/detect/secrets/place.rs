//! What a path says of the file: how it is read, and whether its values are made up.

/// How values are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Syntax {
    /// `name = value` or `name: value` with or without quotes.
    Config,
    Shell,
    /// Values are literals; a word without quotes is another name.
    Code,
    /// Prose, and everything unknown.
    Text,
}

/// The reader that knows a file's form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Env,
    /// `name = value` lines with sections or without.
    Lines,
    /// The same, where a blank may stand between name and value.
    Conf,
    Toml,
    Json,
    Yaml,
    Xml,
    Hcl,
    Sql,
    Csv,
    Shell,
    /// Variables as a makefile sets them, and recipes of a shell.
    Make,
    Code,
    Text,
}

impl Form {
    pub(super) fn syntax(self) -> Syntax {
        match self {
            Self::Env | Self::Shell | Self::Make => Syntax::Shell,
            Self::Lines
            | Self::Conf
            | Self::Toml
            | Self::Json
            | Self::Yaml
            | Self::Xml
            | Self::Hcl
            | Self::Sql
            | Self::Csv => Syntax::Config,
            Self::Code => Syntax::Code,
            Self::Text => Syntax::Text,
        }
    }

    /// Whether it is read as a whole, rather than where a keyword stands.
    pub(super) fn is_structured(self) -> bool {
        match self {
            Self::Code | Self::Shell | Self::Make | Self::Text => false,
            Self::Env
            | Self::Lines
            | Self::Conf
            | Self::Toml
            | Self::Json
            | Self::Yaml
            | Self::Xml
            | Self::Hcl
            | Self::Sql
            | Self::Csv => true,
        }
    }
}

/// Endings that say nothing of the form: `settings.json.bak` is JSON.
const LAYERS: &[&str] = &[
    "bak",
    "backup",
    "old",
    "orig",
    "save",
    "example",
    "sample",
    "dist",
    "template",
    "tpl",
    "tmpl",
    "default",
    "local",
    "j2",
    "erb",
    "in",
    "disabled",
    "copy",
    "swp",
    "production",
    "staging",
    "development",
    "prod",
    "dev",
];

pub(super) fn form(path: &str) -> Form {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if is_env_name(&name) {
        return Form::Env;
    }
    let mut stem = name.as_str();
    while let Some((shorter, layer)) = stem.rsplit_once('.') {
        if shorter.is_empty() || !LAYERS.contains(&layer.trim_end_matches('~')) || !shorter.contains('.') {
            break;
        }
        stem = shorter;
    }
    if matches!(stem, "makefile" | "gnumakefile" | "makefile.am" | "bsdmakefile") {
        return Form::Make;
    }
    if stem.starts_with("dockerfile")
        || stem.starts_with("containerfile")
        || matches!(
            stem,
            "justfile"
                | "procfile"
                | "vagrantfile"
                | ".bashrc"
                | ".zshrc"
                | ".profile"
                | ".bash_profile"
                | ".bash_history"
                | ".zsh_history"
                | ".bash_aliases"
                | "crontab"
        )
    {
        return if stem == "vagrantfile" { Form::Code } else { Form::Shell };
    }
    match stem {
        ".npmrc" | ".pypirc" | ".my.cnf" | ".s3cfg" | ".boto" | "credentials" | ".yarnrc" | ".passwd-s3fs"
        | ".flaskenv" | ".gitconfig" | ".hgrc" | ".pgservicerc" | "pg_service.conf" | ".condarc" | ".rclone.conf"
        | ".msmtprc" => return Form::Lines,
        ".dockercfg" | ".dockerconfigjson" | "composer.lock" | ".babelrc" | ".eslintrc" => return Form::Json,
        "jenkinsfile" | "rakefile" | "gemfile" | "podfile" | "fastfile" | "appfile" | "capfile" | "guardfile"
        | "berksfile" | "cmakelists.txt" | "sconstruct" | "wscript" => return Form::Code,
        _ => {}
    }
    let extension = stem.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "env" => Form::Env,
        "mk" | "mak" => Form::Make,
        "ini" | "cfg" | "cnf" | "properties" | "npmrc" | "pypirc" | "service" | "credentials" | "my"
        | "nmconnection" | "desktop" | "reg" | "settings" | "secrets" | "secret" | "vars" | "inventory" | "hosts"
        | "prefs" | "editorconfig" | "s3cfg" | "url" | "rdp" | "inf" => Form::Lines,
        "conf" | "config" | "ovpn" | "cf" | "netrc" => Form::Conf,
        "toml" => Form::Toml,
        "json"
        | "json5"
        | "jsonc"
        | "tfstate"
        | "ipynb"
        | "har"
        | "webmanifest"
        | "geojson"
        | "postman_collection"
        | "postman_environment"
        | "arm" => Form::Json,
        "yaml" | "yml" | "sls" | "cff" | "raml" => Form::Yaml,
        "xml" | "plist" | "csproj" | "pom" | "resx" | "nuspec" | "props" | "targets" | "wsdl" | "xsd" | "jrxml"
        | "pubxml" | "publishsettings" | "strings-xml" | "mobileconfig" | "rng" | "storyboard" | "xib" | "iml" => {
            Form::Xml
        }
        "tf" | "tfvars" | "hcl" | "nomad" => Form::Hcl,
        "sql" | "dump" | "psql" | "mysql" | "ddl" => Form::Sql,
        "csv" | "tsv" => Form::Csv,
        "sh" | "bash" | "zsh" | "fish" | "ksh" | "bat" | "cmd" | "ps1" | "psm1" | "psd1" | "dockerfile" | "envrc"
        | "exp" | "expect" | "command" => Form::Shell,
        "rs" | "py" | "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "go" | "java" | "kt" | "kts"
        | "scala" | "rb" | "php" | "phtml" | "inc" | "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "ino" | "cs" | "vb"
        | "fs" | "swift" | "m" | "mm" | "dart" | "lua" | "pl" | "pm" | "r" | "ex" | "exs" | "erl" | "hs" | "clj"
        | "groovy" | "gradle" | "vue" | "svelte" | "astro" | "html" | "htm" | "css" | "scss" | "less" | "map"
        | "elm" | "zig" | "nim" | "sol" | "proto" | "graphql" | "ejs" | "hbs" | "jsp" | "cshtml" | "twig" | "rake"
        | "gemspec" | "ru" | "pyi" | "coffee" | "as" | "asp" | "aspx" | "cfm" | "jade" | "pug" | "haml" | "blade"
        | "mustache" | "bicep" | "jl" | "t" | "cgi" | "psgi" | "bas" | "cls" | "frm" | "vbs" | "vba" | "cljs"
        | "cljc" | "edn" | "ml" | "fsx" | "sc" | "sbt" | "tcl" | "pas" | "dpr" | "pp" | "cr" | "hh" | "pde" | "gd"
        | "ps" | "eex" | "heex" | "leex" | "razor" | "d" | "lisp" | "el" | "rkt" | "scm" | "ahk" | "au3" | "robot"
        | "feature" | "cmake" | "v" | "adb" | "f90" | "xaml" | "applescript" | "vim" | "awk" | "wsf" | "hta"
        | "php5" | "php7" | "ets" => Form::Code,
        _ => Form::Text,
    }
}

/// By its first characters, where the name says nothing.
pub(super) fn sniff(text: &str) -> Form {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("#!") {
        let first = start.lines().next().unwrap_or_default();
        return if first.ends_with("sh") { Form::Shell } else { Form::Code };
    }
    if start.starts_with("<?xml") {
        return Form::Xml;
    }
    if start.starts_with('{') && start.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '}'])) {
        return Form::Json;
    }
    if start.starts_with("apiVersion:") || start.starts_with("---\n") {
        return Form::Yaml;
    }
    // Most lines of the first few are assignments or sections.
    let lines: Vec<&str> = start
        .lines()
        .take(20)
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
        .collect();
    let assigned = lines
        .iter()
        .filter(|line| {
            line.starts_with('[') && line.ends_with(']')
                || line.split_once('=').is_some_and(|(name, _)| {
                    !name.is_empty()
                        && name.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/:".contains(&byte))
                })
        })
        .count();
    if lines.len() >= 2 && assigned * 10 >= lines.len() * 8 { Form::Lines } else { Form::Text }
}

/// `.env`, `.env.production`, `prod.env`, `prod.env.local`, `.envrc`.
#[expect(clippy::case_sensitive_file_extension_comparisons, reason = "the name is in lower case here")]
pub fn is_env_name(name: &str) -> bool {
    const CODE: &[&str] = &[
        "js", "ts", "mjs", "cjs", "py", "rs", "go", "rb", "php", "java", "md", "txt", "html", "json", "yaml", "yml",
        "toml", "d", "sh", "tsx", "jsx", "vue", "cs",
    ];
    let name = name.to_ascii_lowercase();
    if name == ".env" || name == ".envrc" || name == "env.local" {
        return true;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if CODE.contains(&extension) {
        return false;
    }
    name.starts_with(".env.")
        || name.starts_with(".env-")
        || name.starts_with(".env_")
        || name.ends_with(".env")
        || name.contains(".env.") && !name.starts_with('.')
}

/// Places of made-up values, by the path's own words.
pub(super) fn is_fixture(path: &str) -> bool {
    const WORDS: &[&str] = &[
        "test",
        "tests",
        "testing",
        "__tests__",
        "testdata",
        "test-data",
        "fixtures",
        "fixture",
        "mock",
        "mocks",
        "spec",
        "specs",
        "example",
        "examples",
        "samples",
        "sample",
        "__mocks__",
        "__fixtures__",
        "e2e",
        "cypress",
        "docs",
        "doc",
        "stubs",
        "demo",
        "demos",
        "tutorial",
        "tutorials",
        "snippets",
        "storybook",
        "__snapshots__",
        "testutil",
        "testutils",
        "it",
    ];
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    // Below the sources of a program of the JVM folders are the parts of a package: `com/example/shop`.
    let folders = folders.find("src/main/").and_then(|at| folders.get(..at)).unwrap_or(folders);
    folders.split('/').any(|part| WORDS.contains(&part) || part.split(['-', '.']).any(|word| word == "tests"))
        || [
            ".test.",
            ".spec.",
            "_test.",
            "_spec.",
            "-test.",
            "-spec.",
            ".example",
            ".sample",
            ".template",
            ".dist",
            ".stories.",
            "-example.",
            "-sample.",
            ".md",
            ".rst",
            ".adoc",
            "example.",
            ".snap",
        ]
        .iter()
        .any(|mark| name.contains(mark))
        || name.starts_with("test_")
        || name.starts_with("example")
        || name.starts_with("sample")
        || name.split('.').next().is_some_and(|stem| stem.ends_with("tests"))
        || path.rsplit('/').next().is_some_and(|name| {
            name.split('.').next().is_some_and(|stem| stem.ends_with("Test") || stem.ends_with("IT"))
        })
}

/// Translations and messages, where `password` is a word to be shown.
pub(super) fn is_translation(path: &str) -> bool {
    const WORDS: &[&str] = &[
        "i18n",
        "l10n",
        "locale",
        "locales",
        "lang",
        "langs",
        "language",
        "languages",
        "translations",
        "translation",
        "messages",
        "lproj",
        "intl",
        "nls",
        "resources-lang",
        "strings",
    ];
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    folders.split(['/', '.']).any(|part| WORDS.contains(&part))
        || name.split(['.', '_', '-']).next().is_some_and(|stem| WORDS.contains(&stem))
        || name
            .rsplit('.')
            .next()
            .is_some_and(|extension| matches!(extension, "po" | "pot" | "xlf" | "xliff" | "resx" | "arb" | "strings"))
}

/// Whether most values are texts to be shown: a translation has no other name than its content, often.
pub(super) fn is_wording(text: &[u8]) -> bool {
    let (mut all, mut shown) = (0_u32, 0_u32);
    for line in String::from_utf8_lossy(text).lines() {
        let Some(at) = line.find([':', '=']) else { continue };
        let value = line.get(at + 1..).unwrap_or_default().trim_matches(|letter: char| " \t\"',\r".contains(letter));
        let first = value.chars().next();
        if matches!(first, None | Some('{' | '[' | '#')) {
            continue;
        }
        all += 1;
        let words =
            value.contains(' ') || !value.is_ascii() || value.len() >= 4 && value.chars().all(char::is_alphabetic);
        let sign = value.contains(['/', '_', '<', '@', '=']) || value.bytes().any(|byte| byte.is_ascii_digit());
        let small = value.chars().any(char::is_lowercase);
        shown += u32::from(first.is_some_and(char::is_uppercase) && words && small && !sign);
    }
    all >= 5 && shown * 10 >= all * 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_told_by_name_and_layers_are_looked_through() {
        for (path, expected) in [
            ("a/.env.production", Form::Env),
            ("a/settings.json.bak", Form::Json),
            ("docker-compose.yml.example", Form::Yaml),
            ("Dockerfile.dev", Form::Shell),
            ("web.config", Form::Conf),
            (".aws/credentials", Form::Lines),
            ("main.go", Form::Code),
            ("NOTES", Form::Text),
        ] {
            assert_eq!(form(path), expected, "{path}");
        }
    }

    #[test]
    fn env_names_are_told_from_source_files() {
        for name in [".env", ".env.production", "prod.env", "prod.env.local", ".ENV", ".envrc"] {
            assert!(is_env_name(name), "{name}");
        }
        for name in ["env.ts", "environment.py", ".env.d.ts", "vite-env.d.ts", "env", ".environment"] {
            assert!(!is_env_name(name), "{name}");
        }
    }

    #[test]
    fn places_of_made_up_values_and_of_wording_are_known() {
        assert!(is_fixture("src/tests/a.py") && is_fixture("a.test.ts") && is_fixture("src/UserServiceTest.java"));
        assert!(
            !is_fixture("app/src/main/java/com/example/shop/Api.kt") && is_fixture("examples/src/main/java/a/A.java")
        );
        assert!(!is_fixture("src/contest.py") && !is_fixture("deploy/latest.yml"));
        assert!(is_translation("src/locales/de.json") && is_translation("messages_de.properties"));
        assert!(!is_translation("src/message_queue.py"));
    }

    #[test]
    fn a_file_of_texts_is_told_from_one_of_settings() {
        let texts = "login.user=Użytkownik\nlogin.password=Hasło\na.token=Żeton dostępu\na.secret=Tajemnica\nb=Zresetuj hasło\n";
        assert!(is_wording(texts.as_bytes()));
        let settings =
            "host: db.internal\nuser: app\npassword: Sommer\nkind: Secret\nport: 5432\nname: Shop\nmode: fast\n";
        assert!(!is_wording(settings.as_bytes()));
    }
}
