#include "tests/bench/search/corpus.h"

#include <unistd.h>

#include <fmt/format.h>
#include <sodium.h>

#include <cmath>
#include <fstream>
#include <random>

namespace hauspost::bench {

namespace {

class Generator {
 public:
  Generator() {
    static constexpr const char* kBegin[] = {"b", "d", "f", "g", "kl", "m", "n", "pr", "s", "tr"};
    static constexpr const char* kMiddle[] = {"a", "e", "i", "o", "u", "ei"};
    static constexpr const char* kEnd[] = {"", "n", "r", "st", "ck", "ng", "\u00df"};
    for (const char* word : {"the", "and", "of", "meeting", "project", "report", "week", "please"})
      words_.emplace_back(word);
    while (words_.size() < kWords) {
      std::string word;
      for (std::uint64_t i = 0; i <= below(3); ++i)
        word += std::string(kBegin[below(10)]) + kMiddle[below(6)] + kEnd[below(7)];
      words_.push_back(std::move(word));
    }
  }

  std::string message(std::size_t number) {
    std::string out = fmt::format(
        "Received: from mx{}.{}.example by relay.example with ESMTPS id {:x}\r\n"
        "Message-ID: <{:x}.{}@{}.example>\r\nFrom: \"{} {}\" <p{}@{}.example>\r\n"
        "To: <anna@{}.example>\r\nDate: Sat, 21 Nov 2026 20:00:00 +0000\r\nSubject: {}{}\r\n",
        below(9), word(), random_(), random_(), number, word(), word(), word(), below(400), word(),
        word(), sentence(5), number % 100 == 7 ? " kestrel" : "");
    const double size = std::min(200e3, 4500 * std::exp(0.9 * normal_(random_)));
    if (below(10) < 7) return out + "\r\n" + text(static_cast<std::size_t>(size), number);
    out += "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_cut\"\r\n\r\n";
    out += "--=_cut\r\nContent-Type: text/plain; charset=utf-8\r\n";
    out += "Content-Transfer-Encoding: base64\r\n\r\n";
    out += base64(text(static_cast<std::size_t>(size), number) +
                  (number % 200 == 3 ? " heliotrope" : ""));
    out += "\r\n--=_cut\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>";
    out += "<p class=\"plain\" style=\"color:#1f497d\">" + text(2000, number + 1) + "</p>";
    out += "\r\n--=_cut\r\nContent-Type: application/pdf\r\n";
    out += "Content-Transfer-Encoding: base64\r\n\r\n" + base64(noise(6000));
    return out + "\r\n--=_cut--\r\n";
  }

 private:
  static constexpr std::size_t kWords = 60'000;

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  const std::string& word() {
    const double u = static_cast<double>(random_() >> 11) / 9007199254740992.0;
    const auto at = static_cast<std::size_t>(std::exp(u * std::log(double{kWords}))) - 1;
    return words_[std::min(at, kWords - 1)];
  }
  std::string sentence(std::size_t count) {
    std::string out = word();
    for (std::size_t i = 1; i < count; ++i) out += " " + word();
    return out;
  }
  std::string text(std::size_t bytes, std::size_t number) {
    std::string out = number % 100 == 13 ? "obsidian " : "";
    while (out.size() < bytes) {
      out += sentence(9) + (below(4) == 0 ? ".\r\n" : "\r\n");
      if (below(12) == 0) out += fmt::format("https://{}.example/{:x}\r\n", word(), random_());
    }
    return out;
  }
  std::string noise(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (char& byte : out) byte = static_cast<char>(random_());
    return out;
  }
  static std::string base64(const std::string& bytes) {
    const std::size_t room =
        sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    std::string digits(room, '\0');
    sodium_bin2base64(digits.data(), room, reinterpret_cast<const unsigned char*>(bytes.data()),
                      bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    digits.pop_back();
    std::string out;
    for (std::size_t at = 0; at < digits.size(); at += 76) out += digits.substr(at, 76) + "\r\n";
    return out;
  }

  std::mt19937_64 random_{20261121};
  std::normal_distribution<double> normal_;
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::shared_ptr<const std::string>> read_corpus(const std::string& path,
                                                            std::size_t count) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::shared_ptr<const std::string>> messages;
  std::size_t bytes = 0;
  char colon = 0;
  while (messages.size() < count && in >> bytes && in.get(colon) && colon == ':') {
    std::string message(bytes, '\0');
    in.read(message.data(), static_cast<std::streamsize>(bytes));
    in.get(colon);
    messages.push_back(std::make_shared<const std::string>(std::move(message)));
  }
  if (messages.empty()) {
    fmt::print(stderr, "bench_search: {} holds no netstrings\n", path);
    ::_exit(1);
  }
  return messages;
}

std::vector<std::shared_ptr<const std::string>> make_corpus(std::size_t count) {
  Generator generator;
  std::vector<std::shared_ptr<const std::string>> messages;
  for (std::size_t i = 0; i < count; ++i)
    messages.push_back(std::make_shared<const std::string>(generator.message(i)));
  return messages;
}

}  // namespace hauspost::bench
