#include "protocols/imap/fetch_writer.h"

#include "tests/unit/imap/fetch_store.h"
#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

constexpr std::string_view kMessage =
    "From: Ann <ann@example.com>\r\nTo: bob@example.com\r\nSubject: caf\xc3\xa9\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\nfirst\r\n"
    "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi\r\n"
    "--b\r\nContent-Transfer-Encoding: x-strange\r\n\r\n???\r\n--b--\r\n";

// What a client gets for the items; sequence number 7.
std::string fetched(const FetchStore& store, store::Uid uid, std::string_view items,
                    bool recent = false) {
  const auto request = parse_as<FetchRequest>("FETCH 7 " + std::string(items));
  FetchWriter writer(request.items);
  FetchOutput out;
  const store::Snapshot snapshot = store.snapshot();
  const auto message = snapshot.message(store.id(), uid);
  REQUIRE(message);
  const auto outcome =
      writer.write(snapshot, *snapshot.folder(store.id()), *message, 7, recent, out);
  REQUIRE(outcome);
  if (*outcome == FetchOutcome::kUnknownEncoding) {
    CHECK(out.empty());
    return "unknown encoding";
  }
  std::string text = joined(out);
  CHECK(text.size() == out.bytes());
  CHECK(text.starts_with("* 7 FETCH ("));
  CHECK(text.ends_with(")\r\n"));
  return text.substr(11, text.size() - 14);
}

std::string literal(std::string_view bytes) {
  return "{" + std::to_string(bytes.size()) + "}\r\n" + std::string(bytes);
}

}  // namespace

TEST_CASE("imap fetch: what the index alone answers") {
  FetchStore store;
  const store::Uid uid =
      store.append("x", store::kSeen | store::kFlagged, {"$Forwarded", "Work"}, 837596665);
  CHECK(fetched(store, uid, "FLAGS") == "FLAGS (\\Flagged \\Seen $Forwarded Work)");
  CHECK(fetched(store, uid, "(UID FLAGS)", true) ==
        "UID " + std::to_string(uid.value) + " FLAGS (\\Flagged \\Seen $Forwarded Work \\Recent)");
  CHECK(fetched(store, uid, "(RFC822.SIZE INTERNALDATE)") ==
        "RFC822.SIZE 1 INTERNALDATE \"17-Jul-1996 09:44:25 +0000\"");
  const auto message = store.snapshot().message(store.id(), uid);
  CHECK(fetched(store, uid, "(MODSEQ)") ==
        "MODSEQ (" + std::to_string(message->modseq.value) + ")");
  const store::Uid plain = store.append("y");
  CHECK(fetched(store, plain, "FLAGS") == "FLAGS ()");
  CHECK(fetched(store, plain, "FLAGS", true) == "FLAGS (\\Recent)");
}

TEST_CASE("imap fetch: internal dates keep to the form of date-time") {
  const std::pair<std::int64_t, std::string_view> cases[] = {
      {0, "\" 1-Jan-1970 00:00:00 +0000\""},
      {-1, "\"31-Dec-1969 23:59:59 +0000\""},
      {951'782'400, "\"29-Feb-2000 00:00:00 +0000\""},
      {INT64_MAX, "\"31-Dec-9999 23:59:59 +0000\""},
      {INT64_MIN, "\" 1-Jan-0000 00:00:00 +0000\""},
  };
  for (const auto& [unix_s, want] : cases) {
    std::string text;
    append_internal_date(text, unix_s);
    CHECK(text == want);
  }
}

TEST_CASE("imap fetch: sections, partials and the echo of what was asked") {
  FetchStore store;
  const store::Uid uid = store.append(std::string(kMessage));
  const std::string head(mime::header_block(kMessage));
  const std::string text(kMessage.substr(head.size()));
  const std::pair<std::string, std::string> cases[] = {
      {"BODY[]", "BODY[] " + literal(kMessage)},
      {"BODY.PEEK[]", "BODY[] " + literal(kMessage)},
      {"RFC822", "RFC822 " + literal(kMessage)},
      {"RFC822.HEADER", "RFC822.HEADER " + literal(head)},
      {"BODY[HEADER]", "BODY[HEADER] " + literal(head)},
      {"RFC822.TEXT", "RFC822.TEXT " + literal(text)},
      {"BODY[TEXT]", "BODY[TEXT] " + literal(text)},
      {"BODY[1]", "BODY[1] " + literal("first")},
      {"BODY[1.MIME]", "BODY[1.MIME] " + literal("\r\n")},
      {"BODY[9]", "BODY[9] NIL"},
      {"BODY[1.HEADER]", "BODY[1.HEADER] NIL"},
      {"BODY[]<0.4>", "BODY[]<0> " + literal("From")},
      {"BODY.PEEK[1]<3.100>", "BODY[1]<3> " + literal("st")},
      {"BODY[1]<5.1>", "BODY[1]<5> \"\""},
      {"BODY[1]<4294967295.4294967295>", "BODY[1]<4294967295> \"\""},
      {"BODY[HEADER.FIELDS (subject X-None TO)]",
       "BODY[HEADER.FIELDS (subject X-None TO)] " +
           literal("To: bob@example.com\r\nSubject: caf\xc3\xa9\r\n\r\n")},
      {"BODY[HEADER.FIELDS.NOT (From Content-Type)]",
       "BODY[HEADER.FIELDS.NOT (From Content-Type)] " +
           literal("To: bob@example.com\r\nSubject: caf\xc3\xa9\r\n\r\n")},
      {"BODY[HEADER.FIELDS (\"a b\")]", "BODY[HEADER.FIELDS (\"a b\")] " + literal("\r\n")},
      {"BINARY[1]", "BINARY[1] " + literal("first")},
      {"BINARY.PEEK[2]", "BINARY[2] ~" + literal(std::string_view("a\0b", 3))},
      {"BINARY[2]<2.5>", "BINARY[2]<2> " + literal("b")},
      {"BINARY.SIZE[2]", "BINARY.SIZE[2] 3"},
      {"BINARY[9]", "BINARY[9] NIL"},
      {"BINARY[3]", "unknown encoding"},
      {"(FLAGS BINARY.SIZE[3])", "unknown encoding"},
  };
  for (const auto& [items, want] : cases) {
    INFO(items);
    CHECK(fetched(store, uid, items) == want);
  }
}

TEST_CASE("imap fetch: ENVELOPE and structures, with a summary from delivery and without") {
  for (const bool with_summaries : {true, false}) {
    FetchStore store(with_summaries);
    const store::Uid uid = store.append(std::string(kMessage));
    const std::string bytes = mime::make_summary(kMessage);
    const auto summary = mime::read_summary(bytes);
    CHECK(fetched(store, uid, "(ENVELOPE BODY BODYSTRUCTURE)") ==
          "ENVELOPE " + std::string(summary->envelope) + " BODY " + std::string(summary->body) +
              " BODYSTRUCTURE " + std::string(summary->body_structure));
  }
}

TEST_CASE("imap fetch: long bodies leave as views, in order, and outlive the snapshot") {
  FetchStore store;
  std::string big = "Subject: s\r\n\r\n" + std::string(100'000, 'x') + "\r\n";
  const store::Uid uid = store.append(big);
  const auto request = parse_as<FetchRequest>("FETCH 1 (BODY[] BODY[TEXT]<5.50000> UID)");
  FetchWriter writer(request.items);
  CHECK(writer.needs_body());
  CHECK(writer.sets_seen());
  FetchOutput out;
  out.text() += "before ";
  {
    const store::Snapshot snapshot = store.snapshot();
    REQUIRE(
        writer.write(snapshot, store.folder(), *snapshot.message(store.id(), uid), 1, false, out));
  }
  store.expunge(uid);
  out.text() += "after";
  CHECK(out.parts().size() == 5);
  CHECK(joined(out) == "before * 1 FETCH (BODY[] " + literal(big) + " BODY[TEXT]<5> " +
                           literal(std::string(50'000, 'x')) + " UID 1)\r\nafter");
  CHECK(out.bytes() == joined(out).size());
  out.clear();
  CHECK(out.empty());
  CHECK(out.parts().empty());
}

TEST_CASE("imap fetch: output is as before when a message cannot be rendered") {
  FetchStore store;
  const std::string big(20'000, 'y');
  const store::Uid uid = store.append("Content-Transfer-Encoding: x-strange\r\n\r\n" + big);
  const auto request = parse_as<FetchRequest>("FETCH 1 (BODY[TEXT] BINARY[1])");
  FetchWriter writer(request.items);
  const store::Snapshot snapshot = store.snapshot();
  FetchOutput out;
  out.text() += "kept";
  store::Message message = *snapshot.message(store.id(), uid);
  const auto unknown = writer.write(snapshot, store.folder(), message, 1, false, out);
  CHECK(unknown == FetchOutcome::kUnknownEncoding);
  CHECK(joined(out) == "kept");
  message.body = store::BodyId(123'456);
  const auto failed = writer.write(snapshot, store.folder(), message, 1, false, out);
  REQUIRE(!failed);
  CHECK(joined(out) == "kept");
}

}  // namespace hauspost::imap
