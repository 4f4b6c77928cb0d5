// A session on a real database takes any bytes, ends when the client does, answers with nothing but
// +OK and -ERR, and deletes at QUIT alone.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/memory_stream.h"
#include "base/task_group.h"
#include "base/text.h"
#include "protocols/pop3/session.h"
#include "tests/unit/temp_folder.h"

namespace {

using namespace hauspost;

class World {
 public:
  World() {
    store::OpenOptions options;
    options.path = folder_ / "db";
    options.guid = Guid::random();
    options.create = true;
    options.segment_bytes = 4 << 20;
    auto opened = store::Database::open(std::move(options));
    HP_CHECK(opened.has_value());
    database_ = *std::move(opened);
    run(make_mailbox());
  }

  // What a session says to `input`; the mailbox has its messages again afterwards.
  std::string answer(std::string_view input) {
    link::SessionStart start;
    start.session = Guid::random();
    start.mailbox = mailbox_;
    start.user = "fuzz@example.org";
    const pop3::Services services{*database_, {}};
    auto [mine, theirs] = MemoryStream::pair(io_.get_executor());
    std::string heard;
    TaskGroup tasks(io_.get_executor());
    tasks.spawn("session", host(*theirs, start, services));
    tasks.spawn("client", talk(*mine, std::string(input), heard));
    wait(tasks);
    return heard;
  }
  std::uint32_t messages() const { return database_->snapshot().folder(inbox_)->messages; }
  void refill() { run(fill()); }

 private:
  static constexpr std::uint32_t kMessages = 4;

  void run(Task<void> task) {
    TaskGroup tasks(io_.get_executor());
    tasks.spawn("fuzz", std::move(task));
    wait(tasks);
  }
  void wait(TaskGroup& tasks) {
    while (tasks.size() > 0) {
      if (io_.stopped()) io_.restart();
      HP_CHECK(io_.run_one_for(std::chrono::seconds(20)) > 0);
    }
  }
  Task<void> make_mailbox() {
    const auto made = co_await database_->open_mailbox({}, mailbox_, "fuzz@example.org");
    HP_CHECK(made.has_value());
    inbox_ = database_->snapshot().find_folder(*made, "INBOX")->id;
    co_await fill();
  }
  Task<void> fill() {
    static constexpr std::string_view kBodies[] = {
        "Subject: a\r\n\r\nbody\r\n", "Subject: b\r\n\r\n.\r\n..\r\n", "Subject: c\n\n.\nx", "."};
    std::vector<store::NewMessage> messages;
    for (std::uint32_t i = database_->snapshot().folder(inbox_)->messages; i < kMessages; ++i) {
      messages.emplace_back().body = std::make_shared<const std::string>(kBodies[i]);
    }
    const bool any = !messages.empty();
    if (any) HP_CHECK((co_await database_->append({}, inbox_, std::move(messages))).has_value());
  }

  static Task<void> host(Stream& stream, const link::SessionStart& start,
                         const pop3::Services& services) {
    static_cast<void>(co_await pop3::serve(stream, start, services));
    stream.close();
  }
  static Task<void> talk(Stream& stream, std::string input, std::string& heard) {
    static_cast<void>(co_await stream.write(input));
    static_cast<void>(co_await stream.write("\r\nRSET\r\nQUIT\r\n"));
    char bytes[4096];
    for (;;) {
      const auto got = co_await stream.read_some(bytes);
      if (!got || *got == 0) co_return;
      heard.append(bytes, *got);
    }
  }

  test::TempFolder folder_;
  asio::io_context io_;
  std::unique_ptr<store::Database> database_;
  Guid mailbox_ = Guid::random();
  store::FolderId inbox_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size > 16 * 1024) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::uint32_t before = world.messages();
  const std::string heard = world.answer(input);
  HP_CHECK(heard.starts_with("+OK Logged in, "));
  HP_CHECK(heard.ends_with("\r\n"));
  // The client's own QUIT comes behind a RSET: only one of the input's can have deleted.
  const bool quits = ascii_upper(input).contains("QUIT");
  HP_CHECK(quits || world.messages() == before);
  world.refill();
  return 0;
}
