// hauspost-auth: checks passwords for the front-ends, stores them for the supervisor.
#include <cstdio>

#include "server/auth/auth_server.h"
#include "server/auth/defence_calls.h"
#include "server/child/child.h"

namespace {

using namespace hauspost;

Task<Result<std::string>> answer(auth::AuthService& service, std::uint16_t method,
                                 std::string body) {
  auto answered = auth::answer_defence_call(service.defence(), method, body);
  if (answered) co_return std::move(*answered);
  co_return co_await service.handle_control(method, std::move(body));
}

int run(child::Context& context) {
  asio::io_context io(1);
  auto directory = directory::DirectoryReader::open(context.settings.directory_path);
  if (!directory) {
    log::error("start.failed", {{"cause", directory.error()}});
    return 1;
  }
  auto verifiers = auth::VerifierStore::open(context.settings.data_root + "/auth");
  if (!verifiers) {
    log::error("start.failed", {{"cause", verifiers.error()}});
    return 1;
  }
  const auto find_login = [&directory](std::string_view name) {
    return (*directory)->find_login(name);
  };
  auth::AuthService::Settings settings;
  settings.policy = [&directory] { return directory::auth_settings(**directory); };
  settings.defence = [&directory] {
    return directory::defence_rules(directory::asking(**directory));
  };
  auto sources =
      auth::Sources::open(io.get_executor(), context.settings.auth_sources, system_clock());
  if (!sources) {
    log::error("start.failed", {{"cause", sources.error()}});
    return 1;
  }
  settings.sources = sources->get();
  auto service = auth::AuthService::create(io.get_executor(), **verifiers, find_login,
                                           system_clock(), std::move(settings));
  if (!service) {
    log::error("start.failed", {{"cause", service.error()}});
    return 1;
  }
  auth::AuthServer server(io.get_executor(), **service);
  server.only_from(
      child::callers(context.settings.users, {child::Role::kFrontend, child::Role::kWeb}));
  for (const child::NamedDescriptor& listener : context.listeners) {
    if (listener.name != "calls") continue;
    if (auto listening = server.listen(listener.fd); !listening) {
      log::error("start.failed", {{"cause", listening.error()}});
      return 1;
    }
  }
  child::Life life;
  life.handler = [&service](std::uint16_t method, std::string body) {
    return answer(**service, method, std::move(body));
  };
  life.stop = [&server] { return server.stop(); };
  return child::run_until_told(io, context, std::move(life));
}

}  // namespace

int main() {
  auto context = hauspost::child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-auth: %s\n", context.error().text.c_str());
    return 2;
  }
  return run(*context);
}
