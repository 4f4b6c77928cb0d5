// Rewritten reverse-paths: what is read back was signed here, and what is signed here is read back.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "transport/resolve/srs.h"

using namespace hauspost;
using namespace hauspost::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const WallTime now{std::chrono::seconds(1795288500)};
  const Srs srs({"a secret of the fuzzer, not of a server"});
  const auto back = srs.reverse(input, now);
  HP_CHECK(!back || is_srs(input));
  HP_CHECK(!back || back->find('@') != std::string::npos);
  // The input as a sender: forwarded here, it leads back.
  const auto rewritten = srs.rewrite(input, "ours.example", now);
  if (!rewritten) return 0;
  HP_CHECK(rewritten->ends_with("@ours.example"));
  const std::string_view local = std::string_view(*rewritten).substr(0, rewritten->rfind('@'));
  HP_CHECK(local.size() <= 64 && is_srs(local));
  const auto sender = srs.reverse(local, now);
  const std::size_t at = input.rfind('@');
  // A domain has no "=": the rewritten form would end it there.
  const bool plain = at + 1 < input.size() && input.find('=') == std::string_view::npos &&
                     !is_srs(input.substr(0, at));
  HP_CHECK(!plain || (sender && *sender == input));
  return 0;
}
