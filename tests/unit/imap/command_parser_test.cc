#include "protocols/imap/command_parser.h"

#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {

TEST_CASE("imap parser: commands without arguments, in any case") {
  const std::pair<std::string_view, CommandName> commands[] = {
      {"NOOP", CommandName::kNoop},
      {"noop", CommandName::kNoop},
      {"CaPaBiLiTy", CommandName::kCapability},
      {"LOGOUT", CommandName::kLogout},
      {"CHECK", CommandName::kCheck},
      {"CLOSE", CommandName::kClose},
      {"UNSELECT", CommandName::kUnselect},
      {"EXPUNGE", CommandName::kExpunge},
      {"IDLE", CommandName::kIdle},
      {"NAMESPACE", CommandName::kNamespace},
      {"STARTTLS", CommandName::kStartTls},
  };
  for (const auto& [line, name] : commands) {
    const ParsedCommand parsed = parse_line("A0.7 " + std::string(line));
    INFO(line);
    REQUIRE(parsed.command);
    CHECK(parsed.tag == "A0.7");
    CHECK(parsed.command->name == name);
    CHECK_FALSE(parsed.command->uid);
  }
}

TEST_CASE("imap parser: what no command is") {
  for (const std::string_view line : {"",
                                      "FOO",
                                      "NOOP ",
                                      "NOOP x",
                                      " NOOP",
                                      "UID",
                                      "UID NOOP",
                                      "UID EXPUNGE",
                                      "EXPUNGE 1:*",
                                      "SELECT",
                                      "SELECT ",
                                      "SELECT  x",
                                      "LOGIN a",
                                      "LOGIN a b c",
                                      "LOGIN \"a b",
                                      "CREATE",
                                      "IDLE now",
                                      "UID COPY 1",
                                      "ENABLE",
                                      "ID",
                                      "ID (\"a\")",
                                      "AUTHENTICATE",
                                      "AUTHENTICATE PLAIN ",
                                      "GETANNOTATION INBOX"}) {
    INFO(line);
    CHECK_FALSE(parse_error(line).no);
  }
  for (const std::string_view line : {"", "x", "* NOOP", "+ NOOP", "a\tNOOP", "a NOOP\rb"}) {
    INFO(line);
    CHECK_FALSE(parse_line(line).command);
  }
  CHECK(parse_line("* NOOP").tag == "*");
  CHECK(parse_line("abc").tag == "abc");
}

TEST_CASE("imap parser: strings as atoms, quoted and literal") {
  const std::pair<std::string_view, std::pair<std::string_view, std::string_view>> logins[] = {
      {"LOGIN joe secret", {"joe", "secret"}},
      {"LOGIN joe@x.example ]p+{", {"joe@x.example", ""}},
      {"login \"j\\\"o\\\\e\" \"\"", {"j\"o\\e", ""}},
      {"LOGIN {3+}\r\njoe {6}\r\nse cr\t", {"joe", "se cr\t"}},
      {"LOGIN {0+}\r\n \"pässwört\"", {"", "pässwört"}},
  };
  for (const auto& [line, expected] : logins) {
    if (line.ends_with("{")) {
      parse_error(line);
      continue;
    }
    const auto login = parse_as<LoginRequest>(line);
    CHECK(login.user == expected.first);
    CHECK(login.password.reveal() == expected.second);
  }
}

TEST_CASE("imap parser: AUTHENTICATE, ID and ENABLE") {
  CHECK(parse_as<AuthenticateRequest>("authenticate plain").mechanism == "PLAIN");
  CHECK_FALSE(parse_as<AuthenticateRequest>("AUTHENTICATE PLAIN").initial_response);
  CHECK(parse_as<AuthenticateRequest>("AUTHENTICATE PLAIN =").initial_response->reveal() == "=");
  CHECK(parse_as<AuthenticateRequest>("AUTHENTICATE PLAIN AGE+/g==").initial_response->reveal() ==
        "AGE+/g==");
  const auto id = parse_as<IdRequest>("ID (\"name\" \"Thunderbird\" \"version\" NIL)");
  REQUIRE(id.fields.size() == 2);
  CHECK(id.fields[0].second == "Thunderbird");
  CHECK_FALSE(id.fields[1].second);
  CHECK(parse_as<IdRequest>("ID NIL").fields.empty());
  CHECK(parse_as<IdRequest>("ID nil").fields.empty());
  CHECK(parse_as<IdRequest>("ID ()").fields.empty());
  CHECK(parse_as<EnableRequest>("ENABLE CONDSTORE utf8=accept").names ==
        std::vector<std::string>{"CONDSTORE", "UTF8=ACCEPT"});
}

TEST_CASE("imap parser: mailbox arguments") {
  CHECK(parse_as<SelectRequest>("select inbox").mailbox == "INBOX");
  CHECK(parse_as<SelectRequest>("SELECT \"Entw&APw-rfe\"").mailbox == "Entwürfe");
  CHECK(parse_as<SelectRequest>("SELECT \"INBOX\" (CONDSTORE)").condstore);
  CHECK(parse_as<SelectRequest>("EXAMINE {4+}\r\nab c").mailbox == "ab c");
  CHECK(parse_error("SELECT \"a&b\"").no);
  CHECK(parse_error("SELECT \"a&b\"").code == "CANNOT");
  CHECK(parse_as<SelectRequest>("SELECT INBOX (QRESYNC (1 2))").resync->modseq == 2);
  const auto resync =
      *parse_as<SelectRequest>("SELECT x (CONDSTORE QRESYNC (7 9 1:9 (1,3:4 2,8:9)))").resync;
  CHECK(resync.uid_validity == 7);
  CHECK(resync.known_uids->ranges == std::vector<SequenceSet::Range>{{1, 9}});
  CHECK(resync.match_sequences.ranges == std::vector<SequenceSet::Range>{{1, 1}, {3, 4}});
  CHECK(resync.match_uids.ranges == std::vector<SequenceSet::Range>{{2, 2}, {8, 9}});
  for (const std::string_view bad :
       {"(1)", "(0 1)", "(1 0)", "(1 2 *)", "(1 2 $)", "(1 2 (1 1) 1:2)", "(1 2 1 (1,2 1))",
        "(1 2 1 (2,1 1,2))", "(1 2 1 (2:1 1:2))", "1 2", "(1 2) QRESYNC (1 2)"}) {
    CHECK_FALSE(parse_error("SELECT INBOX (QRESYNC " + std::string(bad) + ")").no);
  }
  CHECK(parse_as<CreateRequest>("CREATE a/b/").mailbox == "a/b");
  CHECK(parse_as<CreateRequest>("CREATE s (USE (\\Sent))").use == store::SpecialUse::kSent);
  CHECK(parse_as<CreateRequest>("CREATE s (use ())").use == store::SpecialUse::kNone);
  CHECK(parse_error("CREATE s (USE (\\All))").code == "USEATTR");
  CHECK(parse_error("CREATE s (USE (\\Sent \\Trash))").code == "USEATTR");
  CHECK_FALSE(parse_error("CREATE s (USE \\Sent)").no);
  const auto rename = parse_as<RenameRequest>("RENAME a \"b c/\"");
  CHECK(rename.from == "a");
  CHECK(rename.to == "b c");
  CHECK(parse_as<MailboxRequest>("SUBSCRIBE x").mailbox == "x");
}

TEST_CASE("imap parser: STATUS") {
  const auto status =
      parse_as<StatusRequest>("STATUS \"x\" (UIDNEXT MESSAGES UNSEEN RECENT UNSEEN)");
  CHECK(status.items == std::vector{StatusItem::kUidNext, StatusItem::kMessages,
                                    StatusItem::kUnseen, StatusItem::kRecent});
  CHECK(parse_as<StatusRequest>("STATUS x (highestmodseq size deleted appendlimit)").items.size() ==
        4);
  for (const std::string_view line :
       {"STATUS x", "STATUS x ()", "STATUS x MESSAGES", "STATUS x (MESSAGE)", "STATUS x (MESSAGES",
        "STATUS x ( MESSAGES)"})
    CHECK_FALSE(parse_error(line).no);
}

TEST_CASE("imap parser: LIST and LSUB") {
  auto list = parse_as<ListRequest>("LIST \"\" *");
  CHECK_FALSE(list.extended);
  CHECK(list.patterns == std::vector<std::string>{"*"});
  CHECK(parse_as<ListRequest>("LIST \"\" \"\"").delimiter_only);
  CHECK(parse_as<ListRequest>("LIST a/ %").patterns == std::vector<std::string>{"a/%"});
  CHECK(parse_as<ListRequest>("LIST \"\" inbox").patterns == std::vector<std::string>{"INBOX"});
  CHECK(parse_as<ListRequest>("LSUB \"\" *").patterns == std::vector<std::string>{"*"});
  CHECK(parse_as<ListRequest>("LIST \"\" \"Entw&APw-*\"").patterns ==
        std::vector<std::string>{"Entwü*"});
  CHECK(parse_as<ListRequest>("LIST \"\" \"a&b*\"").patterns.empty());
  list = parse_as<ListRequest>("list (subscribed) \"\" \"*\" return (special-use)");
  CHECK((list.extended && list.select_subscribed && list.return_special_use));
  CHECK_FALSE((list.return_children || list.select_special_use || list.return_subscribed));
  list = parse_as<ListRequest>(
      "LIST \"\" (\"INBOX\" Sent/%) RETURN (CHILDREN SUBSCRIBED STATUS (MESSAGES UIDNEXT) "
      "SPECIAL-USE)");
  CHECK(list.patterns == std::vector<std::string>{"INBOX", "Sent/%"});
  CHECK((list.return_children && list.return_subscribed && list.return_special_use));
  CHECK(list.return_status == std::vector{StatusItem::kMessages, StatusItem::kUidNext});
  list = parse_as<ListRequest>("LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) \"\" % RETURN ()");
  CHECK((list.select_recursive && list.select_subscribed));
  CHECK(parse_as<ListRequest>("LIST () \"\" *").extended);
  // The reference stands before each pattern, and counts as often.
  Limits limits;
  limits.command_bytes_max = 20;
  CHECK(parse_line("t LIST reference (a b)", limits).command);
  CHECK(parse_error("LIST reference (a b c)", limits).text == "patterns are too long");
  for (const std::string_view line :
       {"LIST", "LIST \"\"", "LIST \"\" ()", "LIST (RECURSIVEMATCH) \"\" *", "LIST (FOO) \"\" *",
        "LIST \"\" * RETURN", "LIST \"\" * RETURN (FOO)", "LIST \"\" * RETURN (STATUS)",
        "LIST \"\" * FOO ()", "LSUB \"\" * RETURN ()", "LSUB (SUBSCRIBED) \"\" *"})
    CHECK_FALSE(parse_error(line).no);
}

TEST_CASE("imap parser: sequence sets") {
  const auto set = [](std::string_view text, std::uint32_t largest) {
    return parse_as<CopyRequest>("COPY " + std::string(text) + " x").set.resolve(largest);
  };
  using store::UidSet;
  CHECK(set("1", 9) == UidSet{{1, 1}});
  CHECK(set("5:2", 9) == UidSet{{2, 5}});
  CHECK(set("7,1,3:4,2", 9) == UidSet{{1, 4}, {7, 7}});
  CHECK(set("*", 9) == UidSet{{9, 9}});
  CHECK(set("12:*", 9) == UidSet{{9, 12}});
  CHECK(set("*:3", 9) == UidSet{{3, 9}});
  CHECK(set("*:*", 9) == UidSet{{9, 9}});
  CHECK(set("*", 0).empty());
  CHECK(set("3:*", 0) == UidSet{{3, UINT32_MAX}});
  CHECK(set("4294967164:4294967168", 9) == UidSet{{4294967164, 4294967168}});
  for (const std::string_view bad : {"0", "1:0", "", ",1", "1,", "1:", ":1", "1::2", "-1", "a",
                                     "$,1", "1:$", "4294967296", "1:2:3", "1, 2", "* *"})
    CHECK_FALSE(parse_error("COPY " + std::string(bad) + " x").no);
  Limits limits;
  limits.set_ranges_max = 3;
  CHECK_FALSE(parse_error("COPY 1,3,5,7 x", limits).no);
}

TEST_CASE("imap parser: STORE") {
  auto store = parse_as<StoreRequest>("STORE 1:3 +Flags (\\Flagged $label1 $LABEL1)");
  CHECK(store.mode == store::FlagMode::kAdd);
  CHECK(store.flags.system == store::kFlagged);
  CHECK(store.flags.keywords == std::vector<std::string>{"$label1"});
  CHECK_FALSE((store.silent || store.uid || store.unchanged_since));
  store = parse_as<StoreRequest>("uid store * -FLAGS.SILENT \\SEEN \\recent NonJunk");
  CHECK((store.silent && store.uid && store.mode == store::FlagMode::kRemove));
  CHECK(store.flags.system == store::kSeen);
  CHECK(store.flags.keywords == std::vector<std::string>{"NonJunk"});
  store = parse_as<StoreRequest>("STORE 1 FLAGS ()");
  CHECK((store.mode == store::FlagMode::kReplace && store.flags.system == 0));
  CHECK(parse_as<StoreRequest>("STORE 1 (UNCHANGEDSINCE 12) FLAGS (x)").unchanged_since == 12);
  CHECK(parse_as<StoreRequest>("STORE 1 +FLAGS (x) (UNCHANGEDSINCE 0)").unchanged_since == 0);
  CHECK(parse_as<StoreRequest>("STORE 1 +FLAGS x (UNCHANGEDSINCE 7)").unchanged_since == 7);
  for (const std::string_view line :
       {"STORE 1 FLAGS", "STORE 1 *FLAGS (x)", "STORE 1 FLAGS (\\Foo)", "STORE 1 FLAGS (\\*)",
        "STORE 1 FLAGS (a  b)", "STORE 1 FLAGS (a", "STORE 1 (FOO 1) FLAGS (x)", "STORE 1 FLAGS a ",
        "STORE 1 FLAGS.LOUD (x)", "STORE 1 (UNCHANGEDSINCE 99999999999999999999) FLAGS (x)"})
    CHECK_FALSE(parse_error(line).no);
}

TEST_CASE("imap parser: APPEND") {
  auto append =
      parse_as<AppendRequest>("APPEND Sent (\\Seen $x) \" 7-Feb-1994 21:52:25 -0800\" {3+}\r\nabc");
  CHECK(append.mailbox == "Sent");
  REQUIRE(append.messages.size() == 1);
  CHECK(append.messages[0].flags.system == store::kSeen);
  CHECK(append.messages[0].flags.keywords == std::vector<std::string>{"$x"});
  CHECK(append.messages[0].internal_date_s == 760686745);
  CHECK(*append.messages[0].bytes == "abc");
  append = parse_as<AppendRequest>("APPEND {1+}\r\nx {1}\r\na (\\Draft) {2}\r\nbc ~{1}\r\nd");
  REQUIRE(append.messages.size() == 3);
  CHECK(append.messages[1].flags.system == store::kDraft);
  CHECK(append.messages[2].binary);
  CHECK(parse_error("APPEND x {0+}\r\n").no);
  CHECK(parse_error("APPEND x {1+}\r\n" + std::string(1, '\0')).code == "CANNOT");
  CHECK(parse_error("APPEND x ~{1+}\r\n" + std::string(1, '\0')).code == "UNKNOWN-CTE");
  for (const std::string_view line :
       {"APPEND x", "APPEND x \"abc\"", "APPEND x () {1+}\r\na ", "APPEND x {1+}\r\nab",
        "APPEND x \"17-Jul-1996 02:44:25\" {1+}\r\na",
        "APPEND x \"31-Feb-1996 02:44:25 +0000\" {1+}\r\na",
        "APPEND x \"17-Jul-1996 24:00:00 +0000\" {1+}\r\na",
        "APPEND x \"7-Jul-1996 02:44:25 +0000\" {1+}\r\na"})
    CHECK_FALSE(parse_error(line).no);
}

TEST_CASE("imap parser: nobody can make it recurse without end") {
  Limits limits;
  const std::string deep = "SEARCH " + std::string(101, '(') + "ALL" + std::string(101, ')');
  CHECK_FALSE(parse_error(deep, limits).no);
  std::string nots = "SEARCH ";
  for (int i = 0; i < 5000; ++i) nots += "NOT ";
  CHECK_FALSE(parse_error(nots + "ALL", limits).no);
  std::string keys = "SEARCH ALL";
  for (int i = 0; i < 2000; ++i) keys += " ALL";
  CHECK_FALSE(parse_error(keys, limits).no);
}

}  // namespace hauspost::imap
