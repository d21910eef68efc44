//! The gateway's own program, built with the tests.

fn main() -> std::process::ExitCode {
    gateway::cli::main()
}
