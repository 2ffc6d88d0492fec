//! How much of what a stranger sends is looked at. Must hold numbers only.

/// Most bytes of a container without its packing.
pub const CONTAINER_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a packed container: Base64 and some white space around it.
pub const PACKED_BYTES_MAX: usize = CONTAINER_BYTES_MAX / 2 * 3;

/// Most tokens of a container: an account's delegations come in one.
pub const CONTAINER_TOKENS_MAX: usize = 1024;

/// Most delegations between a subject and an invocation.
pub const CHAIN_LINKS_MAX: usize = 16;

/// Most bytes of a command.
pub const COMMAND_BYTES_MAX: usize = 2048;

/// Most steps of comparing one policy with arguments; a step looks at one value or 64 bytes.
pub const POLICY_STEPS_MAX: u64 = 1 << 20;

/// Most bytes of an identity's document.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Most verification methods of an identity's document.
pub const DOCUMENT_METHODS_MAX: usize = 64;
