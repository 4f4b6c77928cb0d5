// SCRAM's two client messages, split at LF: the second is judged by the exchange that the first
// began. Nobody without the password may get through.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "protocols/sasl/saslprep.h"
#include "protocols/sasl/scram.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::sasl;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  const auto first = parse_scram_first(input.substr(0, end));
  if (!first) return 0;
  if (first->gs2_header + first->bare != input.substr(0, end)) std::abort();
  if (first->name.empty() || first->nonce.empty()) std::abort();
  const auto prepared = saslprep(first->name);
  if (prepared && !hauspost::is_valid_utf8(*prepared)) std::abort();
  static const ScramKeys kKeys = scram_keys(hauspost::crypto::Digest::kSha256,
                                            hauspost::Secret("not in any seed"), "salt", 4096);
  const ScramServer server(*find_scram("SCRAM-SHA-256"), *first, "nonce", "salt", 4096);
  if (end == input.npos) return 0;
  const auto last = parse_scram_final(input.substr(end + 1));
  if (last && server.proves(*last, kKeys)) std::abort();
  return 0;
}
