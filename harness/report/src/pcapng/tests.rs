use super::*;
use crate::sample;
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{Block, PcapNgReader};

#[test]
fn independent_reader_gets_packets_stamps_and_comments_back() {
    let case = sample::failed();
    let mut bytes = Vec::new();
    write_case(&mut bytes, &sample::run_info(), &case).unwrap();

    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    let section: Vec<String> = reader
        .section()
        .options
        .iter()
        .filter_map(|option| match option {
            SectionHeaderOption::Comment(text) => Some(text.to_string()),
            _ => None,
        })
        .collect();
    assert!(section[0].starts_with(&case.id), "{section:?}");
    assert!(
        section[0].contains("FAIL at MUST: nothing came within 1s"),
        "{section:?}"
    );

    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::InterfaceDescription(interface) => {
                assert_eq!(interface.linktype, DataLink::RAW);
                assert!(
                    interface
                        .options
                        .iter()
                        .any(|option| matches!(option, InterfaceDescriptionOption::IfTsResol(9)))
                );
            }
            Block::EnhancedPacket(packet) => {
                let comments: Vec<String> = packet
                    .options
                    .iter()
                    .filter_map(|option| match option {
                        EnhancedPacketOption::Comment(text) => Some(text.to_string()),
                        _ => None,
                    })
                    .collect();
                packets.push((packet.timestamp, packet.data.to_vec(), comments));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(packets.len(), case.trace.len());
    for ((stamp, data, comments), entry) in packets.iter().zip(&case.trace) {
        let nanos = sample::run_info().epoch_nanos + entry.at.as_nanos();
        assert_eq!(stamp.as_nanos(), u128::from(nanos));
        assert_eq!(*data, entry.bytes);
        assert!(comments[0].contains(&entry.text), "{comments:?}");
    }
    let last = &packets.last().unwrap().2;
    assert_eq!(last.last().unwrap(), "FAIL at MUST: nothing came within 1s");
}

#[test]
fn only_what_did_not_pass_gets_a_file_unless_all_are_wanted() {
    for all in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut captures = Captures::create(&folder.path().join("new/out"), all).unwrap();
        let events = sample::run_of_every_kind();
        for event in &events {
            captures.event(event).unwrap();
        }
        captures.finish().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder.path().join("new/out"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let wanted = events
            .iter()
            .filter(|event| match event {
                RunEvent::CaseFinished(case) => wanted(case, all),
                _ => false,
            })
            .count();
        assert_eq!(names.len(), wanted, "{names:?}");
        assert!(
            names.contains(&"reset.fail.ESTABLISHED.one.pcapng".to_owned()),
            "{names:?}"
        );
    }
}

#[test]
fn unwritable_folder_is_an_error_with_its_cause() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Captures::create(&file.path().join("out"), false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}
