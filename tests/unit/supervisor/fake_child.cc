// A child for the supervisor's tests. What it does stands in Settings::hostname:
//   serve   answers calls and greets whoever connects to "session", until told to stop
//   die     ends with status 1 at once
//   deaf    serves, but never finishes stopping
//   clumsy  serves, and ends with status 1 when told to stop
// Method 100 answers what it was told, 101 ends it with status 7, 102 ends it in order.
// "fake_child --supervise PROGRAM" is a supervisor: starts PROGRAM, prints its pid and waits.
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/socket_stream.h"
#include "server/child/unix_service.h"
#include "server/supervisor/spawn.h"

namespace {

using namespace hauspost;

Task<void> greet(UnixSocket socket) {
  UnixStream stream(std::move(socket));
  [[maybe_unused]] auto written = co_await stream.write("hello\n");
}

Task<void> never() {
  while (co_await sleep_for(std::chrono::hours(1))) {
  }
}

std::string describe(const child::Context& context) {
  const child::Settings& settings = context.settings;
  std::string text = settings.database + " " + std::to_string(settings.epoch);
  for (const child::NamedDescriptor& listener : context.listeners) text += " " + listener.name;
  return text;
}

Task<Result<std::string>> answer(std::string told, std::uint16_t method) {
  if (method == 101) ::_exit(7);
  if (method == 102) ::_exit(0);
  co_return told;
}

int serve(child::Context& context) {
  asio::io_context io(1);
  child::UnixService sessions(io.get_executor(), "session", 10, greet);
  for (const child::NamedDescriptor& listener : context.listeners) {
    if (listener.name == "session" && !sessions.listen(listener.fd)) return 1;
  }
  child::Life life;
  const std::string told = describe(context);
  const bool deaf = context.settings.hostname == "deaf";
  const bool clumsy = context.settings.hostname == "clumsy";
  life.handler = [told](std::uint16_t method, std::string) { return answer(told, method); };
  life.stop = [&sessions, deaf] { return deaf ? never() : sessions.stop(); };
  const int status = child::run_until_told(io, context, std::move(life));
  return clumsy ? 1 : status;
}

int supervise(const char* program) {
  child::Settings settings;
  settings.hostname = "serve";
  const auto spawned = supervisor::spawn_child(program, settings, {}, {});
  if (!spawned) return 1;
  std::printf("%d\n", spawned->pid);
  std::fflush(stdout);
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--supervise") == 0) return supervise(argv[2]);
  auto context = child::receive_context();
  if (!context) return 2;
  if (context->settings.hostname == "die") return 1;
  return serve(*context);
}
