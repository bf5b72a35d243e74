(** *invariant*: a polynomial inequality holds along every run of a discrete system, however long.
    Spec: statements.md#invariant. *)
From Coq Require Import String ZArith NArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax floats result exact polynomials.
Import ListNotations.
Open Scope string_scope.
Open Scope Z_scope.

Record words := {
  parameters : nat; state : nat;
  shared : nat; shared_equalities : nat; initial : nat; initial_equalities : nat; relation_equalities : nat;
  points : list matrix_words; relation : list matrix_words
}.

(** ** What it says *)

Open Scope R_scope.

(** Parameters, then the state; of which there are m and k. *)
Definition joined (m : nat) (y s : nat -> R) (j : nat) : R := if (j <? m)%nat then y j else s (j - m)%nat.
Definition stepped (m k : nat) (y s t : nat -> R) (j : nat) : R :=
  if (j <? m)%nat then y j else if (j <? m + k)%nat then s (j - m)%nat else t (j - m - k)%nat.

(** run t is the state at time t. *)
Definition holds (st : store) (w : words) : Prop :=
  let m := parameters w in
  let k := state w in
  let n := (m + k)%nat in
  let steps := pairs (relation w) in
  match pairs (points w) with
  | [] => False
  | goal :: conditions =>
      let always := firstn (shared w) conditions in
      let start := skipn (shared w) conditions in
      length conditions = (shared w + initial w)%nat /\
      (shared_equalities w <= length always)%nat /\ (initial_equalities w <= length start)%nat /\
      (relation_equalities w <= length steps)%nat /\
      Forall (natural_exponents st n) (goal :: conditions) /\ Forall (natural_exponents st (n + k)) steps /\
      forall (y : nat -> R) (run : nat -> nat -> R) (last : nat),
      (forall t, (t <= last)%nat -> satisfied st n always (shared_equalities w) (joined m y (run t))) ->
      satisfied st n start (initial_equalities w) (joined m y (run O)) ->
      (forall t, (t < last)%nat -> satisfied st (n + k) steps (relation_equalities w) (stepped m k y (run t) (run (S t)))) ->
      0 <= polynomial_at st n goal (joined m y (run last))
  end.

(** ** The check *)

Open Scope Z_scope.

(** Polynomials of y and s as ones of y, s, s': of the state now, and of the next. *)
Definition now (k : nat) (p : polynomial) : polynomial :=
  {| p_terms := map (fun t => ((fst t ++ repeat 0%N k)%list, snd t)) (p_terms p); p_den := p_den p |}.
Definition next (m k : nat) (p : polynomial) : polynomial :=
  {| p_terms := map (fun t => ((firstn m (fst t) ++ repeat 0%N k ++ skipn m (fst t))%list, snd t)) (p_terms p);
     p_den := p_den p |}.

Fixpoint invariants (s : store) (e : evidence) (n : nat) (l : list Z) : result (list polynomial) :=
  match l with
  | [] => Ok []
  | a :: b :: rest => p <- hint_polynomial s e n a b ;; ps <- invariants s e n rest ;; Ok (p :: ps)
  | [_] => Reject "item"
  end.

(** That each goal follows, one proof after the other. *)
Fixpoint all_proved (s : store) (e : evidence) (n : nat) (goals premises equalities : list polynomial) (items : list (list Z))
  : result (list (list Z)) :=
  match goals with
  | [] => Ok items
  | g :: rest => left <- proved s e n g premises equalities items ;; all_proved s e n rest premises equalities left
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  let m := parameters w in
  let k := state w in
  let n := (m + k)%nat in
  ps <- of_statement s n (points w) ;;
  match ps with
  | [] => Reject "shape"
  | goal :: conditions =>
      _ <- need "shape" (length conditions =? shared w + initial w)%nat ;;
      always <- halves (firstn (shared w) conditions) (shared_equalities w) ;;
      start <- halves (skipn (shared w) conditions) (initial_equalities w) ;;
      rs <- of_statement s (n + k) (relation w) ;;
      steps <- halves rs (relation_equalities w) ;;
      match ev_items e with
      | [] | [] :: _ => Reject "item"
      | (count :: numbers) :: items =>
          _ <- need "item" (Z.of_nat (length numbers) =? 2 * count) ;;
          kept <- invariants s e n numbers ;;
          items1 <- all_proved s e n kept (fst always ++ fst start) (snd always ++ snd start) items ;;
          items2 <- all_proved s e (n + k) (map (next m k) kept)
                      (map (now k) (fst always) ++ map (next m k) (fst always) ++ fst steps ++ map (now k) kept)
                      (map (now k) (snd always) ++ map (next m k) (snd always) ++ snd steps) items1 ;;
          _ <- proved s e n goal (fst always ++ kept) (snd always) items2 ;;
          Ok tt
      end
  end.

(** ** It is right *)

Open Scope R_scope.

Lemma monomial_ext e : forall x y, (forall j, x j = y j) -> monomial e x = monomial e y.
Proof.
  induction e as [|a e IH]; intros x y E; [reflexivity|]. simpl. rewrite E. f_equal. apply IH. intros j. apply E.
Qed.

Lemma monomial_zeros k : forall x, monomial (repeat 0%N k) x = 1.
Proof. apply repeat_monomial. Qed.

Lemma monomial_behind e k : forall x, monomial (e ++ repeat 0%N k) x = monomial e x.
Proof. induction e as [|a e IH]; intros x; [apply monomial_zeros|]. simpl. rewrite IH. reflexivity. Qed.

Lemma monomial_before e k : forall x, monomial (repeat 0%N k ++ e) x = monomial e (fun j => x (j + k)%nat).
Proof.
  induction k as [|k IH]; intros x; simpl.
  - apply monomial_ext. intros j. rewrite Nat.add_0_r. reflexivity.
  - rewrite IH, Rmult_1_l. apply monomial_ext. intros j. rewrite Nat.add_succ_r. reflexivity.
Qed.

Lemma monomial_between k m : forall e x, monomial (firstn m e ++ repeat 0%N k ++ skipn m e) x
  = monomial e (fun j => if (j <? m)%nat then x j else x (j + k)%nat).
Proof.
  induction m as [|m IH]; intros e x.
  - simpl. rewrite monomial_before. reflexivity.
  - destruct e as [|a e]; [simpl; rewrite app_nil_r; apply monomial_zeros|].
    simpl. f_equal. rewrite IH. apply monomial_ext. intros j. reflexivity.
Qed.

Lemma terms_map f g x z : (forall e, monomial (f e) x = monomial e z) -> forall l,
  g = (fun t : list N * Z => (f (fst t), snd t)) -> terms_value (map g l) x = terms_value l z.
Proof.
  intros E l ->. induction l as [|[e c] l IH]; [reflexivity|]. simpl map. rewrite !terms_cons, IH, E. reflexivity.
Qed.

Lemma now_value k p x : value_at (now k p) x = value_at p x.
Proof.
  unfold value_at, now. cbn [p_terms p_den]. f_equal.
  apply (terms_map (fun e => (e ++ repeat 0%N k)%list)); [|reflexivity]. intros e. apply monomial_behind.
Qed.

Lemma next_value m k p y s t : value_at (next m k p) (stepped m k y s t) = value_at p (joined m y t).
Proof.
  unfold value_at, next. cbn [p_terms p_den]. f_equal.
  apply (terms_map (fun e => (firstn m e ++ repeat 0%N k ++ skipn m e)%list)); [|reflexivity].
  intros e. rewrite monomial_between. apply monomial_ext. intros j. unfold stepped, joined.
  destruct (j <? m)%nat eqn:J; [reflexivity|]. apply Nat.ltb_ge in J.
  replace (j + k <? m)%nat with false by (symmetry; apply Nat.ltb_ge; lia).
  replace (j + k <? m + k)%nat with false by (symmetry; apply Nat.ltb_ge; lia).
  f_equal. lia.
Qed.

Lemma stepped_now m k p y s t : local (m + k) p -> value_at p (stepped m k y s t) = value_at p (joined m y s).
Proof.
  intros L. apply L. intros j J. unfold stepped, joined. destruct (j <? m)%nat; [reflexivity|].
  apply Nat.ltb_lt in J. rewrite J. reflexivity.
Qed.

Lemma all_proved_correct s e n premises equalities : forall goals items out,
  all_proved s e n goals premises equalities items = Ok out ->
  forall x, nonnegative_at x premises -> Forall (fun h => value_at h x = 0) equalities -> nonnegative_at x goals.
Proof.
  induction goals as [|g goals IH]; intros items out H x P Z; [constructor|]. simpl in H. ok H. constructor.
  - exact (proved_correct _ _ _ _ _ _ _ _ E x P Z).
  - exact (IH _ _ H x P Z).
Qed.

Lemma invariants_local s e n : forall l ps, invariants s e n l = Ok ps -> Forall (local n) ps.
Proof.
  fix IH 1. intros [|a [|b l]] ps H; [injection H as <-; constructor | discriminate|].
  cbn [invariants] in H. ok H. injection H as <-. constructor.
  - exact (hint_polynomial_local _ _ _ _ _ _ E).
  - exact (IH l _ E0).
Qed.

Lemma forall_now (P : R -> Prop) m k ps y s t : Forall (local (m + k)) ps ->
  Forall (fun p => P (value_at p (joined m y s))) ps -> Forall (fun p => P (value_at p (stepped m k y s t))) (map (now k) ps).
Proof.
  intros L F. rewrite Forall_map. rewrite Forall_forall in *. intros p I.
  rewrite now_value, (stepped_now _ _ _ _ _ _ (L _ I)). exact (F _ I).
Qed.

Lemma forall_next (P : R -> Prop) m k ps y s t :
  Forall (fun p => P (value_at p (joined m y t))) ps -> Forall (fun p => P (value_at p (stepped m k y s t))) (map (next m k) ps).
Proof. intros F. rewrite Forall_map. rewrite Forall_forall in *. intros p I. rewrite next_value. exact (F _ I). Qed.

Theorem invariant_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  unfold check, holds. set (m := parameters w). set (k := state w). intros H.
  ok H. apply of_statement_reads in E. destruct a as [|goal conditions]; [discriminate|].
  inversion E as [|g ? ws ? G F Eq]; subst. clear E. ok H.
  destruct a0 as [always always0], a1 as [start start0], a3 as [steps steps0].
  apply Nat.eqb_eq in E. apply of_statement_reads in E2. rename a2 into rs.
  pose proof (forall2_firstn _ (shared w) _ _ F) as FA. pose proof (forall2_skipn _ (shared w) _ _ F) as FS.
  destruct (ev_items e) as [|[|count numbers] items]; try discriminate. ok H. rename a1 into kept.
  cbn [fst snd] in *.
  pose proof (invariants_local _ _ _ _ _ E5) as LK.
  destruct (halves_locals _ _ _ _ _ (reads_locals _ _ _ _ FA) E0) as [LA LA0].
  split; [rewrite (forall2_length _ _ _ F); exact E|].
  split; [exact (proj1 (halves_satisfied _ _ _ _ _ _ _ (fun _ => 0) FA E0))|].
  split; [exact (proj1 (halves_satisfied _ _ _ _ _ _ _ (fun _ => 0) FS E1))|].
  split; [exact (proj1 (halves_satisfied _ _ _ _ _ _ _ (fun _ => 0) E2 E3))|].
  split; [constructor; [apply G | exact (reads_natural _ _ _ _ F)]|].
  split; [exact (reads_natural _ _ _ _ E2)|].
  intros y run last Always Start Step. destruct G as [_ <-].
  assert (A : forall t, (t <= last)%nat ->
    nonnegative_at (joined m y (run t)) always /\ Forall (fun h => value_at h (joined m y (run t)) = 0) always0).
  { intros t T. apply (proj2 (halves_satisfied _ _ _ _ _ _ _ _ FA E0)). exact (Always t T). }
  assert (I : forall t, (t <= last)%nat -> nonnegative_at (joined m y (run t)) kept).
  { induction t as [|t IH]; intros T.
    - destruct (A O T) as [A1 A0]. destruct (proj2 (halves_satisfied _ _ _ _ _ _ _ _ FS E1) Start) as [S1 S0].
      apply (all_proved_correct _ _ _ _ _ _ _ _ E6); apply Forall_app; split; assumption.
    - destruct (A t ltac:(lia)) as [A1 A0], (A (S t) T) as [B1 B0].
      destruct (proj2 (halves_satisfied _ _ _ _ _ _ _ _ E2 E3) (Step t T)) as [S1 S0].
      specialize (IH ltac:(lia)).
      assert (N : nonnegative_at (stepped m k y (run t) (run (S t))) (map (next m k) kept)).
      { apply (all_proved_correct _ _ _ _ _ _ _ _ E7).
        - apply Forall_app; split; [apply (forall_now (Rle 0)); assumption|].
          apply Forall_app; split; [apply (forall_next (Rle 0)); assumption|].
          apply Forall_app; split; [exact S1 | apply (forall_now (Rle 0)); assumption].
        - apply Forall_app; split; [apply (forall_now (fun r => r = 0)); assumption|].
          apply Forall_app; split; [apply (forall_next (fun r => r = 0)); assumption | exact S0]. }
      unfold nonnegative_at in *. rewrite Forall_map in N. eapply Forall_impl; [|exact N].
      intros p P. cbv beta in P. rewrite next_value in P. exact P. }
  destruct (A last ltac:(lia)) as [A1 A0].
  apply (proved_correct _ _ _ _ _ _ _ _ E8); [apply Forall_app; split; [exact A1 | apply I; lia] | exact A0].
Qed.
