// DATA and BDAT against an oracle that sees the whole input at once.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocols/smtp/data_reader.h"

using namespace hauspost::smtp;

namespace {

bool is_clean(std::string_view message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\0') return false;
    if (message[i] == '\r' && message.substr(i + 1, 1) != "\n") return false;
    if (message[i] == '\n' && (i == 0 || message[i - 1] != '\r')) return false;
  }
  return true;
}

void check_data(std::string_view input, std::size_t piece) {
  const std::string whole = "\r\n" + std::string(input);
  const std::size_t end = whole.find("\r\n.\r\n");
  std::string message;
  DataReader reader(message, std::size_t{1} << 30);
  std::size_t consumed = 0;
  while (!reader.done() && consumed < input.size()) {
    consumed += reader.feed(input.substr(consumed, piece));
  }
  HP_CHECK(reader.done() == (end != std::string::npos));
  if (!reader.done()) return;
  HP_CHECK(consumed == end + 3);
  std::string expected = whole.substr(0, end + 2);
  for (std::size_t at = 0; (at = expected.find("\r\n.", at)) != std::string::npos; at += 2) {
    expected.erase(at + 2, 1);
  }
  HP_CHECK(message == expected.substr(2));
  HP_CHECK((reader.fault() == ContentFault::kNone) == is_clean(message));
}

void check_chunks(std::string_view input, std::size_t piece) {
  std::string message;
  ChunkReader reader(message, std::size_t{1} << 30);
  for (std::size_t at = 0; at < input.size(); at += piece) {
    const std::string_view chunk = input.substr(at, piece);
    reader.begin_chunk(chunk.size());
    HP_CHECK(reader.feed(input.substr(at)) == chunk.size());
    HP_CHECK(reader.chunk_done());
  }
  reader.finish();
  HP_CHECK(message == input);
  HP_CHECK((reader.fault() == ContentFault::kNone) == is_clean(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 64 * 1024) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1} + data[0], input.size() + 1}) {
    check_data(input, piece);
    check_chunks(input, piece);
  }
  return 0;
}
