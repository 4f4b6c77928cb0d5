// Lines of a SASL exchange, split at LF. The first names the mechanism.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "protocols/sasl/exchange.h"
#include "protocols/sasl/token_mechanisms.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::sasl;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto lines = hauspost::split(input, '\n');
  auto exchange = Exchange::create(lines.front());
  if (!exchange) exchange = Exchange::create(size % 2 == 0 ? "PLAIN" : "LOGIN");
  Step step = exchange->start(std::nullopt);
  for (std::size_t i = 1; i < lines.size() && step.kind == Step::Kind::kChallenge; ++i)
    step = exchange->line(lines[i]);
  if (step.kind != Step::Kind::kDone) return 0;
  const Credentials& found = step.credentials;
  const bool by_password = found.proof == Proof::kPassword;
  const std::size_t secret_max = by_password ? kPasswordMax : kTokenMax;
  const bool whole = (!by_password || !found.name.empty()) && found.name.size() <= kNameMax &&
                     found.password.empty() == (found.proof == Proof::kCertificate) &&
                     found.password.reveal().size() <= secret_max &&
                     hauspost::is_valid_utf8(found.name);
  if (!whole) std::abort();
  return 0;
}
