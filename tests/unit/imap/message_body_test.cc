// What of a message must be whole for what is asked of it.
#include "protocols/imap/message_body.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fetch_store.h"

using namespace hauspost;
using namespace hauspost::imap;

namespace {

constexpr std::string_view kMessage =
    "Subject: whole in the summary\r\nFrom: marker@header.example\r\n\r\nmarker of the body\r\n";

// Changes one byte behind `marker`, the last time it stands in the log.
void damage(const std::string& folder, std::string_view marker) {
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/log")) {
    if (entry.path().extension() != ".seg") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = bytes.rfind(marker);
    if (at == std::string::npos) continue;
    const int file = ::open(entry.path().c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(::pwrite(file, "#", 1, static_cast<off_t>(at + marker.size() - 1)) == 1);
    ::close(file);
    return;
  }
  FAIL("the marker is not in the log");
}

MessageBody open_body(const FetchStore& store, store::Uid uid) {
  const store::Snapshot snapshot = store.snapshot();
  auto body = MessageBody::open(snapshot, snapshot.message(store.id(), uid)->body);
  REQUIRE(body);
  return *std::move(body);
}

}  // namespace

TEST_CASE("message body: all of a whole message is there, with a summary and without") {
  const bool with_summaries = GENERATE(true, false);
  FetchStore store(with_summaries);
  const store::Uid uid = store.append(std::string(kMessage));
  MessageBody body = open_body(store, uid);
  const auto header = body.header();
  REQUIRE(header);
  CHECK(*header == mime::header_block(kMessage));
  CHECK(body.holds(*header));
  CHECK(body.bytes() == kMessage);
  const auto summary = body.summary();
  REQUIRE(summary);
  CHECK((*summary)->header_bytes == header->size());
  CHECK(body.content_hash()->size() == 16);
  MessageBody moved = std::move(body);
  CHECK((*moved.summary())->envelope.find("whole in the summary") != std::string_view::npos);
}

TEST_CASE("message body: damage is seen by those who use what is damaged") {
  FetchStore store;
  const store::Uid uid = store.append(std::string(kMessage));
  SECTION("in the body: header and summary are still given") {
    damage(store.path(), "marker of the body");
    MessageBody body = open_body(store, uid);
    CHECK(body.summary());
    CHECK(body.header());
    CHECK(body.bytes().error().code == ErrorCode::kCorrupt);
    CHECK(body.content_hash().error().code == ErrorCode::kCorrupt);
  }
  SECTION("in the header: the summary is still given") {
    damage(store.path(), "marker@header.example\r\n\r\n");
    MessageBody body = open_body(store, uid);
    CHECK(body.summary());
    CHECK(body.header().error().code == ErrorCode::kCorrupt);
    CHECK(body.bytes().error().code == ErrorCode::kCorrupt);
  }
  SECTION("in the summary: nothing is, for the whole has one CRC") {
    damage(store.path(), "\"whole in the summary\"");
    MessageBody body = open_body(store, uid);
    CHECK(body.summary().error().code == ErrorCode::kCorrupt);
    CHECK(body.header().error().code == ErrorCode::kCorrupt);
    CHECK(body.bytes().error().code == ErrorCode::kCorrupt);
  }
}
