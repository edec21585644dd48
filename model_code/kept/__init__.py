"""What a service keeps of its answers: one record a request, as it lies in a spool, in a block of the store, or as rows."""
