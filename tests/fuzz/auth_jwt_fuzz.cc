// A bearer token, or a set of keys: whatever is read must be within its limits, and a token that
// our one key did not sign is never good.
#include <cstdint>
#include <cstdlib>

#include "server/auth/bearer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::auth;
  static const KeySet keys = KeySet::parse(R"({"keys":[{"kty":"OKP","crv":"Ed25519",)"
                                           R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})")
                                 .value();
  static const BearerSettings settings{.issuer = "i", .audiences = {"a"}};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto token = parse_jwt(input, "email")) {
    const bool inside = token->signed_part.data() == input.data() &&
                        token->signed_part.size() < input.size() && !token->signature.empty() &&
                        input.size() <= kTokenMax;
    if (!inside) std::abort();
  }
  const auto now = hauspost::WallTime(std::chrono::seconds(1));
  if (check_bearer(settings, keys, input, now).reason.empty()) std::abort();
  if (const auto set = KeySet::parse(input); set && (set->size() == 0 || set->size() > kKeysMax))
    std::abort();
  return 0;
}
