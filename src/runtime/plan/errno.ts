/** The errno names that a step may tolerate (errno(3)). */
export type ErrnoName =
  | "ENOENT"
  | "EPERM"
  | "EACCES"
  | "EEXIST"
  | "EINVAL"
  | "EROFS"
  | "ENOTDIR"
  | "ENOSYS"
  | "ENOTSUP";
