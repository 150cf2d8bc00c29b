//! The unit of work: batches, keys, the identity map, and unique values that change hands.
