//! What a key that does not exist was perhaps meant to be: by name, if other programs call it so, or by spelling.

/// Last parts of keys as others write them, with ours.
const SYNONYMS: [(&str, &str); 33] = [
    ("lr", "train.learning_rate"),
    ("rate", "train.learning_rate"),
    ("eta", "train.learning_rate"),
    ("optim", "train.optimiser"),
    ("optimizer", "train.optimiser"),
    ("batch_size", "train.batch"),
    ("batchsize", "train.batch"),
    ("bs", "train.batch"),
    ("num_epochs", "train.epochs"),
    ("n_epochs", "train.epochs"),
    ("max_epochs", "train.epochs"),
    ("weight_decay", "train.decay.weight"),
    ("wd", "train.decay.weight"),
    ("l2", "train.decay.weight"),
    ("betas", "train.beta1"),
    ("eps", "train.epsilon"),
    ("scheduler", "train.schedule_kind"),
    ("lr_scheduler", "train.schedule_kind"),
    ("early_stopping", "train.early_stop"),
    ("clip", "train.clip_norm"),
    ("grad_clip", "train.clip_norm"),
    ("gradient_clip", "train.clip_norm"),
    ("max_grad_norm", "train.clip_norm"),
    ("hidden_size", "network.hidden"),
    ("hidden_sizes", "network.hidden"),
    ("layers", "network.hidden"),
    ("units", "network.hidden"),
    ("p_dropout", "network.dropout"),
    ("sigma", "train.spread.start"),
    ("n_mels", "data.bands"),
    ("dt", "data.step_s"),
    ("time_step", "data.step_s"),
    ("folder", "data.root"),
];

/// Keys that are longer are not compared: no key comes near.
const LONGEST: usize = 100;

/// The key of `known` that `key` most likely stands for; `None` where that would be a guess.
pub(super) fn meant(key: &str, known: &[String]) -> Option<String> {
    if key.len() > LONGEST {
        return None;
    }
    let key = key.to_lowercase().replace('-', "_");
    let own = last(&key);
    if let Some((_, ours)) = SYNONYMS.iter().find(|(theirs, _)| *theirs == own) {
        return Some((*ours).to_owned());
    }
    let longer =
        known.iter().find(|known| key.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.')));
    let nearest = || known.iter().filter_map(|known| Some((likeness(&key, known)?, known))).min();
    longer.or_else(|| nearest().map(|(_, known)| known)).cloned()
}

/// Edit distance of two keys, or of their last parts if that is nearer (`epochs` for `train.epochs`); `None` where more than
/// one character in four differs, so that they have little in common.
fn likeness(key: &str, known: &str) -> Option<usize> {
    let near = |a: &str, b: &str| Some(distance(a, b)).filter(|distance| 4 * distance <= a.chars().count());
    let parts = near(last(key), last(known)).map(|distance| distance + 1);
    near(key, known).into_iter().chain(parts).min()
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or_default()
}

/// Levenshtein's distance: insertions, deletions and replacements.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::experiment::Experiment;
    use crate::runs::overrides::known;

    #[test]
    fn what_others_call_a_key_leads_to_ours_and_the_rest_to_none() {
        let known = known(&Experiment::default().to_table().unwrap());
        for (_, ours) in SYNONYMS {
            assert!(known.iter().any(|key| key == ours), "{ours}");
        }
        for (key, expected) in [
            ("train.lr", Some("train.learning_rate")),
            ("lr", Some("train.learning_rate")),
            ("optimizer", Some("train.optimiser")),
            ("train.optimiser_", Some("train.optimiser")),
            ("batch-size", Some("train.batch")),
            ("dropout", Some("network.dropout")),
            ("train.dropout", Some("network.dropout")),
            ("train.weight_decay", Some("train.decay.weight")),
            ("network.hiden", Some("network.hidden")),
            ("train.epochs.most", Some("train.epochs")),
            ("train.label_smoothing", None),
            ("label_smoothing", None),
            ("train.loss", None),
            ("train.rate_regulariser", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(meant(key, &known).as_deref(), expected, "{key}");
        }
        assert_eq!(meant(&"train.epoch".repeat(100_000), &known), None);
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
