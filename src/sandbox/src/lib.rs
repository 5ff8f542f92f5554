//! JavaScript of design documents, run by QuickJS under limits of time, memory and stack. No threads
//! and no messages here: whoever calls owns the thread.
