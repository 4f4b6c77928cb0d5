#include "protocols/sasl/mechanism.h"

#include "base/text.h"
#include "protocols/sasl/token_mechanisms.h"

namespace hauspost::sasl {

namespace {

Step challenge(std::string_view text) {
  Step step;
  step.kind = Step::Kind::kChallenge;
  step.challenge = text;
  return step;
}

Step done(Credentials credentials) {
  Step step;
  step.kind = Step::Kind::kDone;
  step.credentials = std::move(credentials);
  return step;
}

bool is_field(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit && text.find('\0') == std::string_view::npos &&
         is_valid_utf8(text);
}

class Plain final : public Mechanism {
 public:
  Step start(std::optional<std::string_view> initial) override {
    return initial ? respond(*initial) : challenge("");
  }
  Step respond(std::string_view response) override {
    auto credentials = parse_plain(response);
    return credentials ? done(std::move(*credentials)) : Step{};
  }
};

// No RFC describes LOGIN; the prompts are those every client knows. An initial response is the
// name.
class Login final : public Mechanism {
 public:
  Step start(std::optional<std::string_view> initial) override {
    if (initial) return respond(*initial);
    return challenge("Username:");
  }
  Step respond(std::string_view response) override {
    if (name_.empty()) {
      if (!is_field(response, kNameMax)) return {};
      name_ = response;
      return challenge("Password:");
    }
    if (!is_field(response, kPasswordMax)) return {};
    return done({{}, name_, Secret(std::string(response)), Proof::kPassword});
  }

 private:
  std::string name_;  // empty until it is known
};

}  // namespace

std::optional<Credentials> parse_plain(std::string_view message) {
  const std::size_t first = message.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view authorization = message.substr(0, first);
  const std::string_view name = message.substr(first + 1, second - first - 1);
  const std::string_view password = message.substr(second + 1);
  if ((!authorization.empty() && !is_field(authorization, kNameMax)) || !is_field(name, kNameMax) ||
      !is_field(password, kPasswordMax)) {
    return std::nullopt;
  }
  return Credentials{std::string(authorization), std::string(name), Secret(std::string(password))};
}

std::unique_ptr<Mechanism> make_mechanism(std::string_view name) {
  if (iequals(name, "PLAIN")) return std::make_unique<Plain>();
  if (iequals(name, "LOGIN")) return std::make_unique<Login>();
  return make_token_mechanism(name);
}

}  // namespace hauspost::sasl
