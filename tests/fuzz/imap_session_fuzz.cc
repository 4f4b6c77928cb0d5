// A session on a real database takes any bytes, ends when the client does, and every line it says
// stands in the grammar's outermost rule.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/memory_stream.h"
#include "base/task_group.h"
#include "base/text.h"
#include "protocols/imap/session.h"
#include "store/mime/message.h"
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
    options.summarize = [](std::string_view message) { return mime::make_summary(message); };
    auto opened = store::Database::open(std::move(options));
    HP_CHECK(opened.has_value());
    database_ = *std::move(opened);
  }

  // What a fresh mailbox's session says to `input`.
  std::string answer(std::string_view input) {
    link::SessionStart start;
    start.session = Guid::random();
    start.mailbox = Guid::random();
    start.user = "fuzz@example.org";
    start.client_tag = "in";
    imap::Limits limits;
    limits.message_bytes_max = 4096;
    limits.append_bytes_max = 8192;
    limits.autologout = std::chrono::milliseconds(10);  // when a literal swallows the goodbye
    const imap::Services services{*database_, system_clock(), limits, {}, "mail.example.org"};
    auto [mine, theirs] = MemoryStream::pair(io_.get_executor());
    std::string heard;
    TaskGroup tasks(io_.get_executor());
    tasks.spawn("session", host(*theirs, start, services));
    tasks.spawn("client", talk(*mine, std::string(input), heard));
    while (tasks.size() > 0) {
      if (io_.stopped()) io_.restart();
      HP_CHECK(io_.run_one_for(std::chrono::seconds(20)) > 0);
    }
    return heard;
  }

 private:
  static Task<void> host(Stream& stream, const link::SessionStart& start,
                         const imap::Services& services) {
    static_cast<void>(co_await imap::serve(stream, start, services));
    stream.close();
  }
  static Task<void> talk(Stream& stream, std::string input, std::string& heard) {
    // The last lines end an IDLE that is under way, and then the session, if nothing did before.
    static_cast<void>(co_await stream.write(input));
    static_cast<void>(co_await stream.write("\r\nDONE\r\nend LOGOUT\r\n"));
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
};

// Takes one response off `text`: a line with its literals. False when it is none.
bool take_response(std::string_view& text) {
  for (;;) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = text.substr(0, end);
    if (line.contains('\n') || line.contains('\r') || line.contains('\0')) return false;
    text.remove_prefix(end + 2);
    const std::size_t open = line.rfind('{');
    if (!line.ends_with('}') || open == std::string_view::npos) return true;
    const auto size = parse_u64(line.substr(open + 1, line.size() - open - 2));
    if (!size) return true;
    if (*size > text.size()) return false;
    text.remove_prefix(*size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size > 16 * 1024) return 0;
  const std::string heard = world.answer({reinterpret_cast<const char*>(data), size});
  std::string_view rest = heard;
  // What follows is deflated.
  constexpr std::string_view kCompressed = " OK DEFLATE active\r\n";
  if (const std::size_t at = rest.find(kCompressed); at != std::string_view::npos)
    rest = rest.substr(0, at + kCompressed.size());
  HP_CHECK(rest.starts_with("in OK [CAPABILITY "));
  while (!rest.empty()) HP_CHECK(take_response(rest));
  return 0;
}
