#include "protocols/smtp/line_input.h"

#include <catch2/catch.hpp>

#include <string>

#include "base/memory_stream.h"
#include "base/task_group.h"

using namespace hauspost;
using namespace hauspost::smtp;

namespace {

Task<void> read_mixed(Stream& stream, std::string& seen) {
  LineInput input(stream);
  for (int i = 0; i < 2; ++i) {
    const auto line = co_await input.read_line();
    if (!line) co_return;
    seen += "[" + std::string(line->line) + "]";
  }
  std::size_t left = 100'000;
  while (left > 0) {
    const auto bytes = co_await input.peek();
    if (!bytes) co_return;
    const std::size_t count = std::min(left, bytes->size());
    input.consume(count);
    left -= count;
  }
  const auto line = co_await input.read_line();
  if (line) seen += "[" + std::string(line->line) + "]";
  seen += input.has_line() ? "more" : "none";
  seen += input.take_rest();
  const auto end = co_await input.read_line();
  seen += end ? "line" : "end";
}

Task<void> write_then_close(Stream& stream, std::string bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    [[maybe_unused]] auto done = co_await stream.write(std::string_view(bytes).substr(at, piece));
    co_await yield_now();
  }
  stream.close();
}

}  // namespace

TEST_CASE("smtp line input: lines and contents share one buffer, however the bytes are cut") {
  const std::string first_line(1500, 'a');
  const std::string bytes =
      first_line + "\r\nb\r\n" + std::string(100'000, 'c') + "d\r\nrest of it";
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{1} << 20}) {
    asio::io_context io;
    auto [ours, theirs] = MemoryStream::pair(io.get_executor());
    TaskGroup tasks(io.get_executor());
    std::string seen;
    tasks.spawn("read", read_mixed(*ours, seen));
    tasks.spawn("write", write_then_close(*theirs, bytes, piece));
    io.run();
    CHECK(seen.starts_with("[" + first_line + "][b][d]none"));
    CHECK(seen.ends_with("end"));
  }
}
