#include "protocols/sasl/exchange.h"

#include "base/text.h"

namespace hauspost::sasl {

namespace {

// Holds a password for a moment, hence the type.
std::optional<Secret> decode(std::string_view text) {
  if (text.size() > kLineMax) return std::nullopt;
  auto bytes = base64_decode(text);
  if (!bytes) return std::nullopt;
  return Secret(std::move(*bytes));
}

Step encoded(Step step) {
  step.challenge = base64_encode(step.challenge);
  return step;
}

}  // namespace

std::optional<Exchange> Exchange::create(std::string_view mechanism) {
  auto made = make_mechanism(mechanism);
  if (!made) return std::nullopt;
  return Exchange(std::move(made));
}

Step Exchange::start(std::optional<std::string_view> initial_response) {
  if (!initial_response) return encoded(mechanism_->start(std::nullopt));
  if (*initial_response == "=") return encoded(mechanism_->start(std::string_view{}));
  if (initial_response->empty()) return {};
  const auto bytes = decode(*initial_response);
  return bytes ? encoded(mechanism_->start(bytes->reveal())) : Step{};
}

Step Exchange::line(std::string_view line) {
  if (line == "*") {
    Step aborted;
    aborted.kind = Step::Kind::kAborted;
    return aborted;
  }
  const auto bytes = decode(line);
  return bytes ? encoded(mechanism_->respond(bytes->reveal())) : Step{};
}

}  // namespace hauspost::sasl
