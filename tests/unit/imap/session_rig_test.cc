// The rig's own code; the tests stand in the other files.
#include "tests/unit/imap/session_rig.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "store/mime/message.h"

namespace hauspost::imap::test {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

Task<void> write_all(Stream& stream, std::string bytes) {
  static_cast<void>(co_await stream.write(bytes));
}

}  // namespace

Rig::Rig() {
  store::OpenOptions options;
  options.path = folder / "db";
  options.guid = Guid::random();
  options.create = true;
  options.segment_bytes = 4 << 20;
  options.summarize = [](std::string_view message) { return mime::make_summary(message); };
  auto opened = store::Database::open(std::move(options));
  if (!opened) FAIL(opened.error().text);
  database = *std::move(opened);
}

Rig::~Rig() { database->close(); }

std::uint32_t Rig::deliver(std::string message, std::string folder_path) {
  store::Delivery delivery;
  delivery.id = Guid::random();
  delivery.body = std::make_shared<const std::string>(std::move(message));
  delivery.internal_date_s = 1795288500;
  delivery.targets.push_back({mailbox, "anna@example.org", std::move(folder_path), 0});
  const auto done = wait_for(database->deliver({}, std::move(delivery)));
  if (!done) FAIL(done.error().text);
  return done->at(0).uid.value;
}

void Rig::fill(int count) {
  for (int i = 1; i <= count; ++i)
    deliver(fmt::format("Subject: message {}\r\nFrom: a@example.org\r\n\r\nbody {}\r\n", i, i));
}

void Rig::run_until(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < give_up);
    if (io.stopped()) io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
}

Client::Client(Rig& rig) : Client(rig, rig.mailbox, "anna@example.org") {}

Client::Client(Rig& rig, const Guid& identity, std::string address, std::optional<Guid> opens)
    : rig_(rig), tasks_(rig.io.get_executor()) {
  if (!rig.services)
    rig.services.emplace(Services{*rig.database, rig.clock, rig.limits, {}, "mail.example.org"});
  auto [mine, theirs] = MemoryStream::pair(rig.io.get_executor());
  mine_ = std::move(mine);
  theirs_ = std::move(theirs);
  start_.session = Guid::random();
  start_.user = std::move(address);
  start_.mailbox = opens.value_or(identity);
  if (opens) start_.identity = identity;
  start_.client_tag = "in";
  tasks_.spawn("session", host(*theirs_, start_, *rig.services, end_));
  tasks_.spawn("client", listen(*mine_, heard_, closed_));
  talk("S: in OK [CAPABILITY IMAP4rev1 ...] Logged in");
}

Client::~Client() {
  tasks_.stop();
  while (tasks_.size() > 0) {
    if (rig_.io.stopped()) rig_.io.restart();
    rig_.io.run_one_for(std::chrono::milliseconds(100));
  }
}

Task<void> Client::host(Stream& stream, const link::SessionStart& start, const Services& services,
                        std::optional<SessionEnd>& end) {
  end = co_await serve(stream, start, services);
  stream.close();
}

Task<void> Client::listen(Stream& stream, std::string& heard, bool& closed) {
  char bytes[4096];
  for (;;) {
    const auto got = co_await stream.read_some(bytes);
    if (!got || *got == 0) break;
    heard.append(bytes, *got);
  }
  closed = true;
}

void Client::send(std::string_view bytes) {
  tasks_.spawn("send", write_all(*mine_, std::string(bytes)));
}

std::string Client::next_line() {
  rig_.run_until([&] { return heard_.find("\r\n") != std::string::npos || closed_; });
  const std::size_t end = heard_.find("\r\n");
  if (end == std::string::npos) return "(closed)";
  std::string line = heard_.substr(0, end);
  heard_.erase(0, end + 2);
  return line;
}

std::string Client::rest() {
  rig_.run_until([&] { return closed_; });
  return std::exchange(heard_, {});
}

bool Client::quiet() {
  for (int i = 0; i < 20; ++i) {
    if (rig_.io.stopped()) rig_.io.restart();
    rig_.io.run_one_for(std::chrono::milliseconds(2));
  }
  if (!heard_.empty()) UNSCOPED_INFO(heard_);
  return heard_.empty();
}

void Client::hang_up() { mine_->close(); }

SessionEnd Client::end() {
  rig_.run_until([&] { return end_.has_value(); });
  return *end_;
}

std::string Client::ask(std::string_view command) {
  const std::string tag = fmt::format("q{}", ++tags_);
  send(fmt::format("{} {}\r\n", tag, command));
  std::string all;
  for (;;) {
    const std::string line = next_line();
    REQUIRE(line != "(closed)");
    all += line + "\r\n";
    if (line.starts_with(tag + " ")) return all;
  }
}

bool line_matches(std::string_view pattern, std::string_view line) {
  const std::size_t gap = pattern.find("...");
  if (gap == std::string_view::npos) return pattern == line;
  if (!line.starts_with(pattern.substr(0, gap))) return false;
  line.remove_prefix(gap);
  pattern.remove_prefix(gap + 3);
  for (std::size_t skip = 0; skip <= line.size(); ++skip) {
    if (line_matches(pattern, line.substr(skip))) return true;
  }
  return false;
}

void Client::talk(std::string_view transcript) {
  for (std::string_view row : split(transcript, '\n')) {
    row = trim(row);
    if (row.empty() || row.starts_with("--")) continue;
    const std::string_view text = row.size() > 3 ? row.substr(3) : std::string_view();
    INFO("at: " << row);
    if (row.starts_with("C:")) {
      send(std::string(text) + "\r\n");
    } else if (row.starts_with("S:")) {
      const std::string line = next_line();
      INFO("got: " << line);
      REQUIRE(line_matches(text, line));
    } else if (row.starts_with("S*")) {
      std::string line;
      std::string skipped;
      do {
        line = next_line();
        skipped += line + "\n";
        if (line == "(closed)") FAIL("closed after: " << skipped);
      } while (!line_matches(text, line));
    } else if (row.starts_with("S-")) {
      REQUIRE(quiet());
    } else {
      FAIL("a transcript's line begins with C:, S:, S*, S- or --");
    }
  }
}

}  // namespace hauspost::imap::test
