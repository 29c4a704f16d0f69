//! The ports of the domain over real technology: WeChat, SQL databases, signed tokens.
