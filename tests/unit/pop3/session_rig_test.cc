// The rig's own code; the tests stand in the other files.
#include "tests/unit/pop3/session_rig.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::pop3::test {
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
  auto made = store::Database::open(std::move(options));
  if (!made) FAIL(made.error().text);
  database = *std::move(made);
  const auto opened = wait_for(database->open_mailbox({}, mailbox, "anna@example.org"));
  if (!opened) FAIL(opened.error().text);
}

Rig::~Rig() { database->close(); }

store::Folder Rig::inbox() {
  const store::Snapshot snapshot = database->snapshot();
  return *snapshot.find_folder(snapshot.mailbox(mailbox)->id, "INBOX");
}

std::uint32_t Rig::append(std::string message) {
  std::vector<store::NewMessage> messages(1);
  messages[0].body = std::make_shared<const std::string>(std::move(message));
  const auto done = wait_for(database->append({}, inbox().id, std::move(messages)));
  if (!done) FAIL(done.error().text);
  return done->uids.at(0).value;
}

void Rig::fill(int count) {
  for (int i = 1; i <= count; ++i)
    append(fmt::format("Subject: message {}\r\n\r\nbody {}\r\n", i, i));
}

void Rig::run_until(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < give_up);
    if (io.stopped()) io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
}

Client::Client(Rig& rig)
    : rig_(rig),
      services_{.database = *rig.database, .limits = rig.limits, .order = rig.order},
      tasks_(rig.io.get_executor()) {
  auto [mine, theirs] = MemoryStream::pair(rig.io.get_executor());
  mine_ = std::move(mine);
  theirs_ = std::move(theirs);
  start_.session = Guid::random();
  start_.protocol = link::Protocol::kPop3;
  start_.user = "anna@example.org";
  start_.mailbox = rig.mailbox;
  tasks_.spawn("session", host(*theirs_, start_, services_, end_));
  tasks_.spawn("client", listen(*mine_, heard_, closed_));
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

std::string Client::multi_line(std::string_view command) {
  send(std::string(command) + "\r\n");
  const std::string status = next_line();
  INFO(command << ": " << status);
  REQUIRE(status.starts_with("+OK"));
  // What has no line of its own begins with the end.
  std::size_t end = 0;
  rig_.run_until([&] {
    end = heard_.starts_with(".\r\n") ? 0 : heard_.find("\r\n.\r\n");
    return end != std::string::npos || closed_;
  });
  REQUIRE(end != std::string::npos);
  end += heard_.starts_with(".\r\n") ? 3 : 5;
  std::string bytes = heard_.substr(0, end);
  heard_.erase(0, end);
  return bytes;
}

std::string Client::message(std::string_view command) {
  std::string bytes = multi_line(command);
  bytes.resize(bytes.size() - 3);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool stuffed = bytes[i] == '.' && (i == 0 || bytes[i - 1] == '\n');
    if (!stuffed) out += bytes[i];
    if (stuffed) REQUIRE(bytes.substr(i + 1, 1) == ".");
  }
  return out;
}

SessionEnd Client::end() {
  rig_.run_until([&] { return end_.has_value(); });
  return *end_;
}

void Client::talk(std::string_view transcript) {
  for (std::string_view row : split(transcript, '\n')) {
    row = trim(row);
    if (row.empty()) continue;
    std::string_view text = row.size() > 3 ? row.substr(3) : std::string_view();
    INFO("at: " << row);
    if (row.starts_with("C:")) {
      std::string bytes;
      for (const char c : text) bytes += c == '|' ? "\r\n" : std::string(1, c);
      send(bytes + "\r\n");
    } else {
      REQUIRE(row.starts_with("S:"));
      const std::string line = next_line();
      INFO("got: " << line);
      if (text.ends_with("..."))
        REQUIRE(line.starts_with(text.substr(0, text.size() - 3)));
      else
        REQUIRE(line == text);
    }
  }
}

}  // namespace hauspost::pop3::test
