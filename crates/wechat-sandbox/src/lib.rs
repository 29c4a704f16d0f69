//! An offline WeChat: its server API to the byte, and a control face for tests.
