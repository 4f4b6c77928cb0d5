#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/password.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kTokenBytesMax = 8 * 1024;

struct AuthTest {
  std::string name;
  std::string protocol = "imap";
  bool from_stdin = false;
  bool token = false;
};

std::string order_text(const admin::AuthOrder& order) {
  return fmt::format("{}", fmt::join(order.sources(), ", then "));
}

Outcome<> run_auth_sources(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::AuthSourcesRequest{}));
  Json orders = Json::array();
  Table order_table({{"DOMAIN"}, {"PASSWORDS ARE CHECKED BY"}});
  for (const admin::AuthOrder& order : reply.orders()) {
    orders.push_back(
        {{"domain", order.domain()},
         {"sources", std::vector<std::string>(order.sources().begin(), order.sources().end())}});
    order_table.add({order.domain().empty() ? "(every other)" : order.domain(), order_text(order)});
  }
  Json sources = Json::object();
  Table facts({{"SOURCE"}, {"SETTING"}, {"VALUE"}});
  for (const admin::AuthSource& source : reply.sources()) {
    Json& out = sources[source.name()];
    for (const admin::AuthFact& fact : source.facts()) {
      out[fact.name()] = fact.value();
      facts.add({source.name(), fact.name(), fact.value()});
    }
  }
  context.print({{"orders", orders}, {"sources", sources}});
  context.say(order_table.render(terminal_width()));
  if (reply.sources_size() > 0) context.say(facts.render(terminal_width()));
  return {};
}

Outcome<> run_auth_test(Context& context, AuthTest& options) {
  TRY_ASSIGN(const Secret secret,
             obtain_secret(options.from_stdin, options.name,
                           options.token ? kTokenBytesMax : kPasswordBytesMax));
  admin::AuthTestRequest request;
  request.set_name(options.name);
  request.set_password(std::string(secret.reveal()));
  request.set_token(options.token);
  request.set_protocol(options.protocol);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"accepted", reply.accepted()},
                 {"reason", reply.reason()},
                 {"address", reply.address()},
                 {"database", reply.database()}});
  const std::string who = options.name.empty() ? "who it names" : printable(options.name);
  if (!reply.accepted()) {
    Failure failure =
        refused(ErrorCode::kDenied, fmt::format("{} may not log in over {}: {}", who,
                                                options.protocol, printable(reply.reason())))
            .error();
    failure.answered = context.json();
    return std::unexpected(std::move(failure));
  }
  context.say(fmt::format("{} logs in to {} in {} ({})", who, reply.address(), reply.database(),
                          reply.reason()));
  return {};
}

}  // namespace

void add_auth_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "auth", "Where passwords, tokens and certificates are checked");
  add_verb(*noun, "sources", "Show what [auth] of hauspost.toml says", chosen, run_auth_sources);
  auto options = std::make_shared<AuthTest>();
  CLI::App* test = add_verb<AuthTest>(*noun, "test", "Try a login, and say why it ends as it does",
                                      chosen, options, run_auth_test);
  test->add_option("name", options->name, "As a client would give it")
      ->required()
      ->type_name("NAME");
  test->add_option("--protocol", options->protocol, "imap (as without it), pop3 or smtp")
      ->check(CLI::IsMember({"imap", "pop3", "smtp"}));
  test->add_flag("--password-stdin", options->from_stdin,
                 "Read the password, or the token, from standard input");
  test->add_flag("--token", options->token, "It is a bearer token, not a password");
}

}  // namespace hauspost::cli
