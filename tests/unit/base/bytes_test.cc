#include "base/bytes.h"

#include <catch2/catch.hpp>

#include "base/random.h"

using namespace hauspost;

TEST_CASE("bytes: little-endian round trip and layout") {
  std::string out;
  put_le(out, std::uint16_t{0x0102});
  put_le(out, std::uint32_t{0x03040506});
  put_le(out, std::int64_t{-2});
  put_string(out, "abc");
  CHECK(out.substr(0, 6) == std::string("\x02\x01\x06\x05\x04\x03", 6));
  ByteReader reader(out);
  CHECK(reader.le<std::uint16_t>() == 0x0102);
  CHECK(reader.le<std::uint32_t>() == 0x03040506);
  CHECK(reader.le<std::int64_t>() == -2);
  CHECK(reader.string() == "abc");
  CHECK(reader.at_end());
}

TEST_CASE("bytes: big-endian keys sort as their numbers") {
  const std::uint64_t numbers[] = {0, 1, 255, 256, 65535, 1ULL << 32, UINT64_MAX - 1, UINT64_MAX};
  std::string before;
  for (const std::uint64_t number : numbers) {
    std::string key;
    put_be(key, number);
    CHECK(key.size() == 8);
    CHECK(load_be<std::uint64_t>(key.data()) == number);
    if (number != 0) CHECK(before < key);
    before = key;
  }
  std::string small;
  put_be(small, std::uint16_t{0xfffe});
  CHECK(load_be<std::uint16_t>(small.data()) == 0xfffe);
}

TEST_CASE("bytes: a reader past its end stays failed") {
  std::string out;
  put_le(out, std::uint32_t{5});
  out += "abcd";  // one byte short of the length it announces
  for (std::size_t size = 0; size <= out.size(); ++size) {
    ByteReader reader(std::string_view(out).substr(0, size));
    CHECK(reader.string().empty());
    CHECK_FALSE(reader.ok());
    CHECK(reader.le<std::uint8_t>() == 0);
    CHECK(reader.take(0).empty());
    CHECK_FALSE(reader.at_end());
  }
}

TEST_CASE("bytes: a length near the top of its type does not wrap around") {
  std::string out;
  put_le(out, UINT32_MAX);
  out += "x";
  ByteReader reader(out);
  CHECK(reader.string().empty());
  CHECK_FALSE(reader.ok());
  ByteReader other("abc");
  CHECK(other.take(SIZE_MAX).empty());
  CHECK_FALSE(other.ok());
}

TEST_CASE("bytes: CRC-32C gives the vectors of RFC 3720 appendix B.4") {
  std::string rising;
  std::string falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c(rising) == 0x46dd794e);
  CHECK(crc32c(falling) == 0x113fdb5c);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c("") == 0);
}

TEST_CASE("bytes: a CRC chained over any cut is the CRC of the whole") {
  std::string text(97, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  const std::uint32_t whole = crc32c(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view(text);
    CHECK(crc32c(view.substr(cut), crc32c(view.substr(0, cut))) == whole);
  }
}

TEST_CASE("bytes: one changed bit changes the CRC") {
  std::string text = "the quick brown fox";
  const std::uint32_t whole = crc32c(text);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    CHECK(crc32c(text) != whole);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
  }
}
