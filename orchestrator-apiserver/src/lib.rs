//! Requests to revisions: the Kubernetes API as a tower service
