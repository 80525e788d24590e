import type { InspectedManifest, InspectManifestOptions } from "../../image/inspect-manifest.ts";
import type { Login, LoginOptions, LoginResult } from "../../image/login.ts";
import type { FoundImage, SearchOptions } from "../../image/search.ts";

/** What registries are asked that brings no image here. */
export interface RegistriesApi {
  /** Has a registry look at credentials and keeps them where docker keeps them. */
  login(options?: LoginOptions): Promise<LoginResult>;
  /** The user whose credentials are kept for a server, Docker Hub by default. */
  knownLogin(server?: string): Promise<Login | undefined>;
  /** Forgets them; `removed` is false where there were none. */
  logout(server?: string): Promise<{ server: string; removed: boolean }>;
  /** Images of Docker Hub, or of the registry that the term begins with, whose names or descriptions match. */
  search(term: string, options?: SearchOptions): Promise<FoundImage[]>;
  /** All tags of a repository, from its registry. */
  tags(repository: string, options?: { signal?: AbortSignal }): Promise<string[]>;
  /** What a registry has under a name. */
  inspectManifest(reference: string, options?: InspectManifestOptions): Promise<InspectedManifest>;
}
