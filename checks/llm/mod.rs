//! Section: LLM servers.

pub mod llm_ports;
