import type { RegistriesApi } from "../api.ts";
import type { EngineContext } from "../context.ts";

/** The verbs of registries. */
export const registriesOf = ({ config }: EngineContext): RegistriesApi => ({
  async login(options = {}) {
    const { login } = await import("../../image/login.ts");
    return login(config, options);
  },

  async knownLogin(server) {
    const { knownLogin } = await import("../../image/login.ts");
    return knownLogin(config, server);
  },

  async logout(server) {
    const { logout } = await import("../../image/login.ts");
    return logout(config, server);
  },

  async search(term, options = {}) {
    const { searchImages } = await import("../../image/search.ts");
    return searchImages(config, term, options);
  },

  async tags(repository, options = {}) {
    const { tagsOf } = await import("../../image/tags.ts");
    return tagsOf(config, repository, options);
  },

  async inspectManifest(reference, options = {}) {
    const { inspectManifest } = await import("../../image/inspect-manifest.ts");
    return inspectManifest(config, reference, options);
  },
});
