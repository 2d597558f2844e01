//! Providers of models and what is built around them.

use super::Class::{Alnum, Hex, Upper, Url};
use super::Part::{Fixed, Run};
use super::{Format, UUID, format, likely};

pub(super) const FORMATS: &[Format] = &[
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
    format("elevenlabs-key", "ElevenLabs API key", "sk_", &[Run(Hex, 48, 48)]),
    format("togetherai-key", "Together AI key", "tgp_v1_", &[Run(Url, 43, 43)]),
    format("llamacloud-key", "LlamaCloud key", "llx-", &[Run(Alnum, 48, 48)]),
    format("runpod-key", "RunPod API key", "rpa_", &[Run(Alnum, 40, 50)]),
    format("helicone-key", "Helicone API key", "sk-helicone-", &[Run(Url, 20, 60)]),
    format("turbopuffer-key", "turbopuffer API key", "tpuf_", &[Run(Alnum, 32, 48)]),
    format("anyscale-key", "Anyscale secret", "esecret_", &[Run(Alnum, 26, 40)]),
    format("twelvelabs-key", "Twelve Labs API key", "tlk_", &[Run(Upper, 26, 40)]),
    format("kaggle-token", "Kaggle API token", "KGAT_", &[Run(Hex, 32, 32)]),
    format("vercelgateway-key", "Vercel AI Gateway key", "vck_", &[Run(Alnum, 40, 60)]),
];
