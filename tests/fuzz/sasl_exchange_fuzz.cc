// Lines of a SASL exchange, split at LF. The first names the mechanism.
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "protocols/sasl/exchange.h"

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
  const bool whole = !found.name.empty() && found.name.size() <= kNameMax &&
                     !found.password.empty() && found.password.reveal().size() <= kPasswordMax &&
                     hauspost::is_valid_utf8(found.name);
  if (!whole) std::abort();
  return 0;
}
