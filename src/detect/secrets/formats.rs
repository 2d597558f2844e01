//! Token formats of services: a public prefix, and what follows it. Facts of the formats come from the providers' own
//! documentation and from the tokens they issue; the prefix alone is never a secret.

use crate::evidence::repo::Confidence;

/// The alphabets that token bodies are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// `0-9`
    Digit,
    /// `0-9a-f`, or upper case
    Hex,
    /// `A-Z0-9`
    Upper,
    /// `A-Za-z0-9`
    Alnum,
    /// `A-Za-z0-9_-`
    Url,
    /// `A-Za-z0-9_.-`: several base64url segments
    Dotted,
    /// `A-Za-z0-9+/=`, and `_-`
    Base64,
}

impl Class {
    pub(super) fn holds(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'),
        }
    }
}

/// One piece of a token's body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// So many characters of a class: at least, at most.
    Run(Class, usize, usize),
    /// A fixed separator.
    Fixed(&'static str),
}

/// One format.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) id: &'static str,
    pub(super) what: &'static str,
    pub(super) prefix: &'static str,
    /// What may stand before the prefix and belongs to the token: so many characters of a class.
    pub(super) lead: Option<(Class, usize, usize)>,
    pub(super) body: &'static [Part],
    pub(super) confidence: Confidence,
}

const fn format(id: &'static str, what: &'static str, prefix: &'static str, body: &'static [Part]) -> Format {
    Format { id, what, prefix, lead: None, body, confidence: Confidence::High }
}

/// A format whose prefix is too short, or whose tokens are too public, to be sure.
const fn likely(id: &'static str, what: &'static str, prefix: &'static str, body: &'static [Part]) -> Format {
    Format { id, what, prefix, lead: None, body, confidence: Confidence::Medium }
}

use Class::{Alnum, Base64, Digit, Dotted, Hex, Upper, Url};
use Part::{Fixed, Run};

const UUID: &[Part] = &[
    Run(Hex, 8, 8),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 4, 4),
    Fixed("-"),
    Run(Hex, 12, 12),
];

pub(super) const FORMATS: &[Format] = &[
    // Clouds and hosting
    format("aws-access-key", "AWS access key id", "AKIA", &[Run(Upper, 16, 16)]),
    format("aws-access-key", "AWS temporary access key id", "ASIA", &[Run(Upper, 16, 16)]),
    format("aws-bedrock-key", "Amazon Bedrock API key", "ABSK", &[Run(Base64, 109, 269)]),
    format("google-api-key", "Google API key", "AIza", &[Run(Url, 35, 35)]),
    format("google-oauth-secret", "Google OAuth client secret", "GOCSPX-", &[Run(Url, 28, 28)]),
    format("google-oauth-token", "Google OAuth access token", "ya29.", &[Run(Url, 40, 1024)]),
    format("alibaba-access-key", "Alibaba Cloud access key id", "LTAI", &[Run(Alnum, 16, 26)]),
    format("tencent-secret-id", "Tencent Cloud secret id", "AKID", &[Run(Alnum, 32, 32)]),
    format("yandex-api-key", "Yandex Cloud API key", "AQVN", &[Run(Url, 35, 38)]),
    format("digitalocean-token", "DigitalOcean token", "dop_v1_", &[Run(Hex, 64, 64)]),
    format("digitalocean-token", "DigitalOcean OAuth token", "doo_v1_", &[Run(Hex, 64, 64)]),
    format("digitalocean-token", "DigitalOcean refresh token", "dor_v1_", &[Run(Hex, 64, 64)]),
    format("heroku-token", "Heroku API key", "HRKU-", &[Run(Url, 36, 64)]),
    format("fly-token", "Fly.io access token", "fo1_", &[Run(Url, 43, 43)]),
    format("fly-token", "Fly.io macaroon", "fm2_", &[Run(Base64, 100, 2048)]),
    format("netlify-token", "Netlify token", "nfp_", &[Run(Alnum, 36, 36)]),
    format(
        "vercel-blob-token",
        "Vercel Blob token",
        "vercel_blob_rw_",
        &[Run(Alnum, 14, 20), Fixed("_"), Run(Alnum, 28, 34)],
    ),
    format("render-token", "Render API key", "rnd_", &[Run(Alnum, 28, 40)]),
    format("supabase-token", "Supabase access token", "sbp_", &[Run(Hex, 40, 80)]),
    format("supabase-secret", "Supabase secret key", "sb_secret_", &[Run(Url, 30, 48)]),
    format("neon-token", "Neon API key", "napi_", &[Run(Alnum, 48, 72)]),
    format("planetscale-token", "PlanetScale token", "pscale_tkn_", &[Run(Dotted, 32, 64)]),
    format("planetscale-password", "PlanetScale password", "pscale_pw_", &[Run(Dotted, 32, 64)]),
    format("planetscale-oauth", "PlanetScale OAuth token", "pscale_oauth_", &[Run(Dotted, 32, 64)]),
    format("xata-token", "Xata API key", "xau_", &[Run(Alnum, 28, 48)]),
    format("tigris-secret", "Tigris secret access key", "tsec_", &[Run(Url, 40, 80)]),
    format("deno-token", "Deno Deploy token", "ddp_", &[Run(Alnum, 36, 36)]),
    format("pulumi-token", "Pulumi access token", "pul-", &[Run(Hex, 40, 40)]),
    format("scalingo-token", "Scalingo token", "tk-us-", &[Run(Url, 48, 48)]),
    format("openshift-token", "OpenShift token", "sha256~", &[Run(Url, 43, 43)]),
    format("vault-token", "HashiCorp Vault service token", "hvs.", &[Run(Url, 90, 300)]),
    format("vault-token", "HashiCorp Vault batch token", "hvb.", &[Run(Url, 138, 512)]),
    Format {
        id: "terraform-token",
        what: "Terraform Cloud token",
        prefix: ".atlasv1.",
        lead: Some((Alnum, 14, 14)),
        body: &[Run(Url, 60, 70)],
        confidence: Confidence::High,
    },
    format("doppler-token", "Doppler personal token", "dp.pt.", &[Run(Alnum, 40, 44)]),
    format("doppler-token", "Doppler service token", "dp.st.", &[Run(Dotted, 40, 100)]),
    format("doppler-token", "Doppler CLI token", "dp.ct.", &[Run(Alnum, 40, 44)]),
    format("doppler-token", "Doppler service account token", "dp.sa.", &[Run(Alnum, 40, 44)]),
    format("onepassword-token", "1Password service account token", "ops_eyJ", &[Run(Base64, 200, 2048)]),
    format("age-key", "age secret key", "AGE-SECRET-KEY-1", &[Run(Upper, 58, 58)]),
    format("tailscale-key", "Tailscale key", "tskey-", &[Run(Url, 16, 80)]),
    format("docker-token", "Docker Hub access token", "dckr_pat_", &[Run(Url, 27, 27)]),
    format("docker-token", "Docker organisation token", "dckr_oat_", &[Run(Url, 27, 36)]),
    format(
        "docker-swarm-token",
        "Docker Swarm join token",
        "SWMTKN-1-",
        &[Run(Alnum, 50, 50), Fixed("-"), Run(Alnum, 25, 25)],
    ),
    format("dynatrace-token", "Dynatrace token", "dt0c01.", &[Run(Upper, 24, 24), Fixed("."), Run(Upper, 64, 64)]),
    // Code hosts, registries, build
    format("github-token", "GitHub personal access token", "ghp_", &[Run(Alnum, 36, 251)]),
    format("github-token", "GitHub OAuth token", "gho_", &[Run(Alnum, 36, 251)]),
    format("github-token", "GitHub user-to-server token", "ghu_", &[Run(Alnum, 36, 251)]),
    format("github-token", "GitHub server-to-server token", "ghs_", &[Run(Alnum, 36, 251)]),
    format("github-token", "GitHub refresh token", "ghr_", &[Run(Alnum, 36, 251)]),
    format(
        "github-token",
        "GitHub fine-grained token",
        "github_pat_",
        &[Run(Alnum, 22, 22), Fixed("_"), Run(Alnum, 59, 59)],
    ),
    format("gitlab-token", "GitLab personal access token", "glpat-", &[Run(Dotted, 20, 300)]),
    format("gitlab-token", "GitLab pipeline trigger token", "glptt-", &[Run(Url, 40, 40)]),
    format("gitlab-token", "GitLab runner token", "glrt-", &[Run(Dotted, 20, 60)]),
    format("gitlab-token", "GitLab deploy token", "gldt-", &[Run(Url, 20, 60)]),
    format("gitlab-token", "GitLab CI build token", "glcbt-", &[Run(Url, 20, 80)]),
    format("gitlab-token", "GitLab OAuth secret", "gloas-", &[Run(Alnum, 64, 64)]),
    format("gitlab-token", "GitLab agent token", "glagent-", &[Run(Url, 50, 80)]),
    format("gitlab-token", "GitLab feed token", "glft-", &[Run(Url, 20, 80)]),
    format("gitlab-token", "GitLab incoming mail token", "glimt-", &[Run(Url, 25, 25)]),
    format("gitlab-token", "GitLab SCIM token", "glsoat-", &[Run(Url, 20, 60)]),
    format("bitbucket-password", "Bitbucket app password", "ATBB", &[Run(Alnum, 32, 32)]),
    format("atlassian-token", "Atlassian API token", "ATATT3", &[Run(Base64, 180, 300)]),
    format("atlassian-token", "Bitbucket repository token", "ATCTT3", &[Run(Base64, 180, 300)]),
    format("npm-token", "npm access token", "npm_", &[Run(Alnum, 36, 36)]),
    format("pypi-token", "PyPI upload token", "pypi-AgEIcHlwaS5vcmc", &[Run(Url, 50, 1000)]),
    format("pypi-token", "TestPyPI upload token", "pypi-AgENdGVzdC5weXBpLm9yZw", &[Run(Url, 50, 1000)]),
    format("rubygems-token", "RubyGems API key", "rubygems_", &[Run(Hex, 48, 48)]),
    format("crates-token", "crates.io token", "cio", &[Run(Alnum, 32, 32)]),
    format("nuget-key", "NuGet API key", "oy2", &[Run(Alnum, 43, 43)]),
    format("clojars-token", "Clojars token", "CLOJARS_", &[Run(Alnum, 60, 60)]),
    format("artifactory-key", "Artifactory API key", "AKCp", &[Run(Alnum, 69, 73)]),
    format("artifactory-token", "Artifactory reference token", "cmVmdGtu", &[Run(Alnum, 56, 56)]),
    format("sonar-token", "SonarQube user token", "squ_", &[Run(Hex, 40, 40)]),
    format("sonar-token", "SonarQube project token", "sqp_", &[Run(Hex, 40, 40)]),
    format("sonar-token", "SonarQube global token", "sqa_", &[Run(Hex, 40, 40)]),
    format("circleci-token", "CircleCI token", "CCIPAT_", &[Run(Alnum, 22, 22), Fixed("_"), Run(Hex, 40, 40)]),
    format("buildkite-token", "Buildkite user token", "bkua_", &[Run(Hex, 40, 40)]),
    format("chromatic-token", "Chromatic project token", "chpt_", &[Run(Hex, 12, 20)]),
    format("sourcegraph-token", "Sourcegraph token", "sgp_", &[Run(Url, 40, 60)]),
    format("snyk-token", "Snyk token", "snyk_uat.", &[Run(Dotted, 40, 300)]),
    format("postman-key", "Postman API key", "PMAK-", &[Run(Hex, 24, 24), Fixed("-"), Run(Hex, 34, 34)]),
    format("readme-key", "ReadMe API key", "rdme_", &[Run(Alnum, 70, 70)]),
    format("prefect-token", "Prefect token", "pnu_", &[Run(Alnum, 36, 36)]),
    format("databricks-token", "Databricks token", "dapi", &[Run(Hex, 32, 32)]),
    format(
        "harness-token",
        "Harness token",
        "pat.",
        &[Run(Url, 22, 22), Fixed("."), Run(Hex, 24, 24), Fixed("."), Run(Alnum, 20, 20)],
    ),
    format("infracost-key", "Infracost API key", "ico-", &[Run(Alnum, 32, 32)]),
    format("apify-token", "Apify API token", "apify_api_", &[Run(Alnum, 36, 36)]),
    format("launchdarkly-key", "LaunchDarkly SDK key", "sdk-", UUID),
    likely("launchdarkly-token", "LaunchDarkly access token", "api-", UUID),
    format("wakatime-key", "WakaTime key", "waka_", UUID),
    format("posthog-key", "PostHog personal key", "phx_", &[Run(Alnum, 40, 48)]),
    format("inngest-key", "Inngest signing key", "signkey-prod-", &[Run(Hex, 64, 64)]),
    format("trigger-key", "Trigger.dev key", "tr_prod_", &[Run(Alnum, 20, 24)]),
    format("unkey-root-key", "Unkey root key", "unkey_", &[Run(Alnum, 22, 40)]),
    format("zuplo-key", "Zuplo API key", "zpka_", &[Run(Alnum, 32, 32), Fixed("_"), Run(Hex, 8, 8)]),
    // Models
    format("anthropic-key", "Anthropic API key", "sk-ant-", &[Run(Url, 80, 120)]),
    format("openai-key", "OpenAI project key", "sk-proj-", &[Run(Url, 40, 200)]),
    format("openai-key", "OpenAI service account key", "sk-svcacct-", &[Run(Url, 40, 200)]),
    format("openai-key", "OpenAI admin key", "sk-admin-", &[Run(Url, 40, 200)]),
    format("openrouter-key", "OpenRouter API key", "sk-or-v1-", &[Run(Hex, 64, 64)]),
    format("langfuse-key", "Langfuse secret key", "sk-lf-", UUID),
    likely("model-key", "model provider key", "sk-", &[Run(Alnum, 32, 64)]),
    format("huggingface-token", "Hugging Face token", "hf_", &[Run(Alnum, 34, 34)]),
    format("huggingface-token", "Hugging Face organisation token", "api_org_", &[Run(Alnum, 34, 34)]),
    format("replicate-token", "Replicate token", "r8_", &[Run(Alnum, 37, 37)]),
    format("groq-key", "Groq API key", "gsk_", &[Run(Alnum, 52, 52)]),
    format("xai-key", "xAI API key", "xai-", &[Run(Alnum, 80, 80)]),
    format("perplexity-key", "Perplexity API key", "pplx-", &[Run(Alnum, 48, 64)]),
    format("cerebras-key", "Cerebras API key", "csk-", &[Run(Alnum, 48, 48)]),
    format("nvidia-key", "NVIDIA API key", "nvapi-", &[Run(Url, 60, 80)]),
    format("pinecone-key", "Pinecone API key", "pcsk_", &[Run(Url, 60, 90)]),
    format("langsmith-key", "LangSmith key", "lsv2_pt_", &[Run(Hex, 32, 32), Fixed("_"), Run(Hex, 10, 10)]),
    format("langsmith-key", "LangSmith service key", "lsv2_sk_", &[Run(Hex, 32, 32), Fixed("_"), Run(Hex, 10, 10)]),
    format("tavily-key", "Tavily API key", "tvly-", &[Run(Url, 32, 48)]),
    format("jina-key", "Jina API key", "jina_", &[Run(Url, 50, 70)]),
    format("firecrawl-key", "Firecrawl API key", "fc-", &[Run(Hex, 32, 32)]),
    format("e2b-key", "E2B API key", "e2b_", &[Run(Hex, 40, 40)]),
    format("browserbase-key", "Browserbase key", "bb_live_", &[Run(Url, 26, 40)]),
    // Payment and commerce
    format("stripe-key", "Stripe live secret key", "sk_live_", &[Run(Alnum, 20, 247)]),
    format("stripe-key", "Stripe live restricted key", "rk_live_", &[Run(Alnum, 20, 247)]),
    likely("stripe-test-key", "Stripe test secret key", "sk_test_", &[Run(Alnum, 20, 247)]),
    likely("stripe-test-key", "Stripe test restricted key", "rk_test_", &[Run(Alnum, 20, 247)]),
    format("webhook-secret", "webhook signing secret", "whsec_", &[Run(Base64, 24, 80)]),
    format("square-token", "Square access token", "sq0atp-", &[Run(Url, 22, 22)]),
    format("square-secret", "Square OAuth secret", "sq0csp-", &[Run(Url, 43, 43)]),
    format("shopify-token", "Shopify access token", "shpat_", &[Run(Hex, 32, 32)]),
    format("shopify-token", "Shopify custom app token", "shpca_", &[Run(Hex, 32, 32)]),
    format("shopify-token", "Shopify private app token", "shppa_", &[Run(Hex, 32, 32)]),
    format("shopify-secret", "Shopify shared secret", "shpss_", &[Run(Hex, 32, 32)]),
    format("plaid-token", "Plaid access token", "access-production-", UUID),
    format(
        "braintree-token",
        "Braintree access token",
        "access_token$production$",
        &[Run(Alnum, 16, 16), Fixed("$"), Run(Hex, 32, 32)],
    ),
    format("flutterwave-key", "Flutterwave secret key", "FLWSECK-", &[Run(Alnum, 32, 40)]),
    format("razorpay-key", "Razorpay live key", "rzp_live_", &[Run(Alnum, 14, 20)]),
    format("easypost-key", "EasyPost API key", "EZAK", &[Run(Alnum, 54, 54)]),
    format("shippo-token", "Shippo live token", "shippo_live_", &[Run(Hex, 40, 40)]),
    format("duffel-token", "Duffel live token", "duffel_live_", &[Run(Url, 43, 43)]),
    // Mail, messages, people
    format("slack-token", "Slack bot token", "xoxb-", &[Run(Url, 24, 120)]),
    format("slack-token", "Slack user token", "xoxp-", &[Run(Url, 24, 120)]),
    format("slack-token", "Slack workspace token", "xoxa-", &[Run(Url, 24, 120)]),
    format("slack-token", "Slack refresh token", "xoxe-", &[Run(Url, 24, 200)]),
    format("slack-token", "Slack legacy token", "xoxs-", &[Run(Url, 24, 120)]),
    format("slack-token", "Slack app-level token", "xapp-", &[Run(Digit, 1, 2), Fixed("-"), Run(Url, 40, 120)]),
    format(
        "slack-webhook",
        "Slack webhook",
        "hooks.slack.com/services/",
        &[Run(Upper, 8, 12), Fixed("/"), Run(Upper, 8, 12), Fixed("/"), Run(Alnum, 23, 26)],
    ),
    format(
        "discord-webhook",
        "Discord webhook",
        "discord.com/api/webhooks/",
        &[Run(Digit, 17, 20), Fixed("/"), Run(Url, 60, 80)],
    ),
    Format {
        id: "telegram-token",
        what: "Telegram bot token",
        prefix: ":AA",
        lead: Some((Digit, 8, 10)),
        body: &[Run(Url, 32, 33)],
        confidence: Confidence::High,
    },
    format("sendgrid-key", "SendGrid API key", "SG.", &[Run(Url, 22, 22), Fixed("."), Run(Url, 43, 43)]),
    format("brevo-key", "Brevo API key", "xkeysib-", &[Run(Hex, 64, 64), Fixed("-"), Run(Alnum, 16, 16)]),
    format("resend-key", "Resend API key", "re_", &[Run(Alnum, 8, 8), Fixed("_"), Run(Alnum, 24, 24)]),
    likely("mailgun-key", "Mailgun API key", "key-", &[Run(Hex, 32, 32)]),
    likely("twilio-key", "Twilio API key", "SK", &[Run(Hex, 32, 32)]),
    format("facebook-token", "Facebook access token", "EAACEdEose0cBA", &[Run(Alnum, 20, 300)]),
    format("hubspot-token", "HubSpot private app token", "pat-na1-", UUID),
    format("hubspot-token", "HubSpot private app token", "pat-eu1-", UUID),
    format("linear-key", "Linear API key", "lin_api_", &[Run(Alnum, 40, 40)]),
    format("notion-token", "Notion integration token", "ntn_", &[Run(Alnum, 43, 50)]),
    format("figma-token", "Figma token", "figd_", &[Run(Url, 40, 44)]),
    format("typeform-token", "Typeform token", "tfp_", &[Run(Dotted, 44, 64)]),
    format("dropbox-token", "Dropbox short-lived token", "sl.u.", &[Run(Url, 120, 1600)]),
    format("contentful-token", "Contentful management token", "CFPAT-", &[Run(Url, 43, 43)]),
    format("frameio-token", "Frame.io token", "fio-u-", &[Run(Url, 64, 64)]),
    // Watching
    format(
        "grafana-token",
        "Grafana service account token",
        "glsa_",
        &[Run(Alnum, 32, 32), Fixed("_"), Run(Hex, 8, 8)],
    ),
    format("grafana-cloud-token", "Grafana Cloud token", "glc_eyJ", &[Run(Base64, 40, 400)]),
    format("newrelic-key", "New Relic user key", "NRAK-", &[Run(Upper, 27, 27)]),
    format("newrelic-key", "New Relic insert key", "NRII-", &[Run(Url, 32, 32)]),
    format("sentry-token", "Sentry organisation token", "sntrys_eyJ", &[Run(Base64, 80, 400)]),
    format("sentry-token", "Sentry user token", "sntryu_", &[Run(Hex, 64, 64)]),
];
