/**
 * tsrun's configuration file: /etc/tsrun/config.json, overlaid by $XDG_CONFIG_HOME/tsrun/config.json, or the one
 * file that TSRUN_CONFIG names. Keys have the names that Docker's daemon.json gives them.
 */
export interface Config {
  /** Base URLs tried in order before docker.io itself: "http://127.0.0.1:5000". */
  "registry-mirrors": string[];
  /** HOST[:PORT] or CIDR of registries that may be spoken to over plain HTTP or with an unverified certificate. */
  "insecure-registries": string[];
  "data-root": string;
  "log-driver": "json-file" | "none";
  /** max-size ("10m") and max-file ("3"). */
  "log-opts": Record<string, string>;
  "default-address-pools": { base: string; size: number }[];
  dns: string[];
  "dns-search": string[];
  "dns-opts": string[];
  "default-ulimits": Record<string, { Name: string; Soft: number; Hard: number }>;
  /** Path of a seccomp profile in Docker's JSON format. */
  "seccomp-profile": string | undefined;
}
