/** Part of the key of cached filters: raise it with every change to the profile. */
export const DEFAULT_PROFILE_VERSION = 1;
