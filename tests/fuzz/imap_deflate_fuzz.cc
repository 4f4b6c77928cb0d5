// COMPRESS=DEFLATE (RFC 4978): whatever a client sends as deflate data, reading it ends and yields
// no more than deflate can hold; and what one end writes in pieces the other reads. The first byte
// chooses.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/memory_stream.h"
#include "base/signal.h"
#include "base/task_group.h"
#include "protocols/imap/deflate_stream.h"

namespace {

using namespace hauspost;
using imap::DeflateStream;

constexpr std::size_t kGrowthMax = 1032;  // of deflate: 258 bytes for two bits

Task<void> read_all(DeflateStream& stream, std::size_t place, std::string& out) {
  Signal never;
  std::string chunk(place, '\0');
  for (;;) {
    if (!co_await stream.wait_input(never, Duration::zero())) co_return;
    const auto got = co_await stream.read_some(chunk);
    if (!got || *got == 0) co_return;
    out.append(chunk, 0, *got);
  }
}

Task<void> write_raw(MemoryStream& stream, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    static_cast<void>(co_await stream.write(bytes.substr(0, piece)));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    co_await yield_now();
  }
  stream.close();
}

Task<void> write_deflated(DeflateStream& stream, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    HP_CHECK((co_await stream.write(bytes.substr(0, piece))).has_value());
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  stream.close();
}

void run(asio::io_context& io, TaskGroup& tasks) {
  while (tasks.size() > 0) {
    if (io.stopped()) io.restart();
    HP_CHECK(io.run_one_for(std::chrono::seconds(20)) > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 16 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool raw = (data[0] & 1) != 0;
  const std::size_t piece = std::size_t{data[0]} / 2 * 16 + 1;
  asio::io_context io;
  auto [mine, theirs] = MemoryStream::pair(io.get_executor());
  DeflateStream reader(*mine);
  DeflateStream writer(*theirs);
  reader.start();
  std::string out;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("reader", read_all(reader, piece, out));
  if (raw) {
    tasks.spawn("writer", write_raw(*theirs, bytes, piece));
  } else {
    writer.start();
    tasks.spawn("writer", write_deflated(writer, bytes, piece));
  }
  run(io, tasks);
  HP_CHECK(raw ? out.size() <= kGrowthMax * (bytes.size() + 1) : out == bytes);
  return 0;
}
